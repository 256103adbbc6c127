/* Its description breaks off. */
#define NAME "truncated_description"
#include "fixture.h"
static const saddle_loss loss = {sizeof loss, sound_create, free, sound_compute};
static const saddle_component component = {
    sizeof component, SADDLE_KIND_LOSS, NAME, "{\"kind\": \"loss\", \"name\": \"trunc", {.loss = &loss}};
PLUGIN
