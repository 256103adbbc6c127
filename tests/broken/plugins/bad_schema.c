/* A parameter of a type that JSON Schema does not know. */
#define NAME "bad_schema"
#include "fixture.h"
static const saddle_loss loss = {sizeof loss, sound_create, free, sound_compute};
static const saddle_component component = {sizeof component,
                                           SADDLE_KIND_LOSS,
                                           NAME,
                                           "{\"kind\": \"loss\", \"name\": \"bad_schema\", \"version\": "
                                           "\"1\", \"doc\": \"\", \"parameters\": {\"type\": "
                                           "\"object\", \"additionalProperties\": false, \"properties\": "
                                           "{\"margin\": {\"type\": \"float\", \"default\": "
                                           "1}}}, \"roles\": {" LOSS_ROLES "}}",
                                           {.loss = &loss}};
PLUGIN
