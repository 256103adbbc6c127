/* Never finishes loading. */
#define NAME "hang_at_load"
#include "fixture.h"
#include <unistd.h>
__attribute__((constructor)) static void hang(void) {
  for (;;) pause();
}
LOSS(sound_create, sound_compute)
