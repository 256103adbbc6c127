/* The entry refuses, without a reason. */
#include <saddle/abi.h>
#include <stddef.h>
__attribute__((visibility("default"))) const saddle_plugin* saddle_plugin_v1(const saddle_host* host);
const saddle_plugin* saddle_plugin_v1(const saddle_host* host) {
  (void)host;
  return NULL;
}
