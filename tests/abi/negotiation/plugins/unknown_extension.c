/* Cannot do without three extensions, of which two are not there. */
#include <saddle/abi.h>
static const char* const wanted[] = {"saddle.telepathy/1", SADDLE_EXTENSION_FUNCTION, "saddle.function/9"};
#define EXTENSIONS wanted
#define EXTENSION_COUNT 3
#include "plugin.h"
