/* A loss whose table ends before `compute`. */
#define NAME "short_struct"
#include "fixture.h"
static const saddle_loss loss = {offsetof(saddle_loss, compute), sound_create, free, sound_compute};
COMPONENT(SADDLE_KIND_LOSS, "loss", LOSS_ROLES, loss, loss)
