/* Knows a later relu, which has one more argument, and asks for what only that can do. */
#define RELU "aten::relu(Tensor self, *, bool sharp=False) -> Tensor"
#define SHARP 1
#include "plugin.h"
