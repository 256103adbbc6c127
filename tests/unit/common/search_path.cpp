#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <common/paths.hpp>

using namespace saddle;
namespace fs = std::filesystem;

namespace {

// A variable of the environment, as before when the test ends.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, set_ = true;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { set_ ? ::setenv(name_, old_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool set_ = false;
};

}  // namespace

TEST_CASE("the user's own plugins are where XDG says, else below HOME") {
  const Variable home("HOME", "/home/somebody"), path("SADDLE_PLUGIN_PATH", nullptr);
  {
    const Variable data("XDG_DATA_HOME", nullptr);
    CHECK(user_plugin_folder() == "/home/somebody/.local/share/saddle/plugins");
  }
  {
    const Variable data("XDG_DATA_HOME", "relative/is/ignored");
    CHECK(user_plugin_folder() == "/home/somebody/.local/share/saddle/plugins");
  }
  const Variable data("XDG_DATA_HOME", "/data");
  CHECK(user_plugin_folder() == "/data/saddle/plugins");
  const Variable no_data("XDG_DATA_HOME", nullptr), no_home("HOME", nullptr);
  CHECK(user_plugin_folder().empty());
  CHECK(plugin_search_path({}).size() == 1);
}

TEST_CASE("the user's own plugins are searched once the folder is there, before the bundled ones") {
  std::string scratch = (fs::temp_directory_path() / "saddle-search-XXXXXX").string();
  REQUIRE(::mkdtemp(scratch.data()) != nullptr);
  const Variable data("XDG_DATA_HOME", scratch.c_str()), path("SADDLE_PLUGIN_PATH", "/opt/b");
  const fs::path bundled = program_folder().parent_path() / "lib" / "saddle" / "plugins";
  CHECK(plugin_search_path({"/opt/a"}) == std::vector<fs::path>{"/opt/a", "/opt/b", bundled});
  fs::create_directories(user_plugin_folder());
  CHECK(plugin_search_path({"/opt/a"}) ==
        std::vector<fs::path>{"/opt/a", "/opt/b", user_plugin_folder(), bundled});
  fs::remove_all(scratch);
}
