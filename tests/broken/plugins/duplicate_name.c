/* Two losses of one name. */
#define NAME "duplicate_name"
#include "fixture.h"
static const saddle_loss loss = {sizeof loss, sound_create, free, sound_compute};
static const saddle_component one = {
    sizeof one, SADDLE_KIND_LOSS, NAME, DESCRIPTION("loss", NAME, LOSS_ROLES), {.loss = &loss}};
static const saddle_component* const components[] = {&one, &one};
static const saddle_plugin plugin = {.struct_size = sizeof plugin,
                                     .abi_version = SADDLE_ABI_VERSION,
                                     .name = NAME,
                                     .version = "1",
                                     .component_count = 2,
                                     .components = components};
EXPORT const saddle_plugin* saddle_plugin_v1(const saddle_host* table);
const saddle_plugin* saddle_plugin_v1(const saddle_host* table) {
  host = table;
  return &plugin;
}
