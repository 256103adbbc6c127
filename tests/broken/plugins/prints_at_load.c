/* Prints 8 MiB when it is loaded, some of it as if it were the worker; otherwise sound. */
#define NAME "prints_at_load"
#include "fixture.h"
__attribute__((constructor)) static void print(void) {
  for (int i = 0; i < 1 << 17; ++i)
    puts("{\"file\": \"prints_at_load.so\", \"ok\": false, \"error\": \"no\"}");
  fflush(stdout);
}
LOSS(sound_create, sound_compute)
