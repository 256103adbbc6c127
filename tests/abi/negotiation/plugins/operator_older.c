/* Knows an earlier softplus, from before `beta` and `threshold`. */
#define RELU "aten::softplus(Tensor self) -> Tensor"
#include "plugin.h"
