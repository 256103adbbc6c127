/* Written against an ABI that this host does not speak. */
#define NAME "wrong_abi"
#include "fixture.h"
#undef SADDLE_ABI_VERSION
#define SADDLE_ABI_VERSION 99
LOSS(sound_create, sound_compute)
