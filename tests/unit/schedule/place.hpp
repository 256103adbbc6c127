#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <common/json.hpp>
#include <common/process.hpp>

#include "fixture.hpp"

// A folder with a plugin folder, a grid file and a database in it.
struct Place : Bench {
  Place() {
    ::setenv("SADDLE_WORKER", FAKE_WORKER, 1);
    ::setenv("XDG_CACHE_HOME", (folder / "cache").c_str(), 1);
    ::setenv("SADDLE_PLUGIN_PATH", (folder / "plugins").c_str(), 1);
    // Where the bundled plugins would be if this program had some.
    std::filesystem::create_directories(std::filesystem::path(SADDLE).parent_path() / ".." / "lib" /
                                        "saddle" / "plugins");
    std::filesystem::create_directories(folder / "plugins");
    plugin_version("1");
  }

  void plugin_version(const std::string& version) const {
    std::ofstream(folder / "plugins" / "libfake.so") << version;
  }

  void grid(const saddle::Json& dataset, const saddle::Json& sweep,
            const saddle::Json& more = saddle::Json::object()) const {
    saddle::Json spec = {
        {"name", "g"},
        {"dataset", dataset},
        {"models", {{"generator", {{"use", "fake"}}}, {"discriminator", {{"use", "fake"}}}}},
        {"losses", {{{"use", "fake"}}}},
        {"optimizers", {{"generator", {{"use", "adam"}}}, {"discriminator", {{"use", "adam"}}}}},
        {"sweep", sweep}};
    spec["dataset"]["use"] = "fake";
    spec.update(more);
    std::ofstream(folder / "g.json") << spec.dump(2);
  }

  std::vector<std::string> command(std::vector<std::string> words) const {
    words.insert(words.begin(), SADDLE);
    words.insert(words.end(), {"--db", database.string()});
    return words;
  }
  saddle::ChildResult saddle(const std::vector<std::string>& words) const {
    return saddle::run_child(command(words), "", 60);
  }
  std::string file() const { return (folder / "g.json").string(); }

  // Started, not waited for.
  saddle::schedule::Process start(const std::vector<std::string>& words) const {
    return saddle::schedule::Process::start({command(words), {}, folder / "out.txt"});
  }
  std::string count(const std::string& what) { return sql("SELECT count(*) FROM " + what); }
};
