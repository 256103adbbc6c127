/* Compiled against the first layout of version 1, which ended before these fields. */
#include <saddle/abi.h>
#define PLUGIN_SIZE offsetof(saddle_plugin, extensions)
#define PARAMETER_SIZE offsetof(saddle_parameter, own)
#define BUFFER_SIZE offsetof(saddle_buffer, own)
#define OWN GARBAGE
#define EXTENSIONS GARBAGE
#define EXTENSION_COUNT 1000
#include "plugin.h"
