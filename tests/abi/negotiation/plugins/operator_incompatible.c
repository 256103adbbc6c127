/* Uses an operator with an argument that LibTorch's own neither has nor can do without. */
#define RELU "aten::relu(Tensor self, int sharpness) -> Tensor"
#include "plugin.h"
