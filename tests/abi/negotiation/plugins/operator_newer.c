/* Knows a later relu, which has one more argument, and gives its default. */
#define RELU "aten::relu(Tensor self, *, bool sharp=False) -> Tensor"
#define SHARP 0
#include "plugin.h"
