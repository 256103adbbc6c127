#include <ATen/ATen.h>
// LibTorch defines CHECK too.
#undef CHECK
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdlib>

int main(int argc, char** argv) {
  // Descriptions of plugins are made once for all tests.
  ::setenv("XDG_CACHE_HOME", SADDLE_TEST_CACHE, 1);
  ::unsetenv("SADDLE_PLUGIN_PATH");
  ::unsetenv("SADDLE_DB");
  return Catch::Session().run(argc, argv);
}
