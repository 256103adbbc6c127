/* Speaks a version of the ABI that is not there yet. */
#define ABI_VERSION 2
#include "plugin.h"
