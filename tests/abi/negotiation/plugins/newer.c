/* Compiled against a later header: every struct has three fields more than this host knows. */
#include <saddle/abi.h>
#define PLUGIN_SIZE sizeof(saddle_plugin) + 24
#define COMPONENT_SIZE sizeof(saddle_component) + 24
#define MODEL_SIZE sizeof(saddle_model) + 24
#define PARAMETER_SIZE sizeof(saddle_parameter) + 24
#define BUFFER_SIZE sizeof(saddle_buffer) + 24
#include "plugin.h"
