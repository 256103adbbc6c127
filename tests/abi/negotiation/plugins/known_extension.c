/* Cannot do without an extension that this host has. */
#include <saddle/abi.h>
static const char* const wanted[] = {SADDLE_EXTENSION_FUNCTION};
#define EXTENSIONS wanted
#define EXTENSION_COUNT 1
#include "plugin.h"
