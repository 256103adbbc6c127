/* The entry refuses, with a reason. */
#include <saddle/abi.h>
#include <stddef.h>
__attribute__((visibility("default"))) const saddle_plugin* saddle_plugin_v1(const saddle_host* host);
const saddle_plugin* saddle_plugin_v1(const saddle_host* host) {
  host->set_error("this machine has no quantum unit");
  return NULL;
}
