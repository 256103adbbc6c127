// Pinned plugins through the built programs: what is another file is refused, and not opened.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

#include <common/paths.hpp>
#include <common/process.hpp>
#include <common/sha256.hpp>

#include "grids.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;

TEST_CASE("a grid that pins its plugins runs with them and with no others") {
  const Place place;
  ::setenv("XDG_CACHE_HOME", (place / "cache").c_str(), 1);
  const fs::path folder = place / "plugins", plugin = folder / "sound.so";
  fs::create_directories(folder);
  // Beside it what crashes and hangs when it is opened.
  for (const char* name : {"sound.so", "segfault_at_load.so", "hang_at_load.so"})
    fs::copy_file(fs::path(BROKEN_PLUGINS) / name, folder / name);
  Json grid = broken_grid("pinned", "models.discriminator", Json::array({use("sound")}));
  const auto saddle = [&](Arguments arguments) {
    arguments.insert(arguments.begin(), {"--plugins", folder});
    return place.saddle(arguments);
  };
  const std::string sound = ::saddle::sha256_file(plugin);

  const auto unpinned = saddle({"plan", place.write("grid.json", grid), "--require-pins"});
  CHECK(unpinned.code == 2);

  const auto pins = saddle({"plugins", "pins", place.write("grid.json", grid)});
  INFO(pins.out << pins.err);
  CHECK(pins.code == 0);
  const Json block = Json::parse("{" + pins.out + "}");
  CHECK(block["pins"]["model/sound"] == sound);
  CHECK(block["pins"].size() == 4);
  grid.update(block);

  fs::remove_all(place / "cache");
  const auto run = saddle({"run", place.write("grid.json", grid), "--require-pins"});
  INFO(run.out << run.err);
  CHECK(run.code == 0);
  CHECK(place.sql("select sha256 from plugins_used where name = 'sound'")[0]["sha256"] == sound);

  // Rebuilt: another byte at its end.
  std::ofstream(plugin, std::ios::app | std::ios::binary) << '\0';
  const std::string rebuilt = ::saddle::sha256_file(plugin);
  const auto plan = saddle({"plan", place.write("grid.json", grid)});
  CHECK(plan.code == 2);
  CHECK_THAT(plan.err, Catch::Contains("/pins/model~1sound: model/sound is pinned to SHA-256 " + sound +
                                       ", but " + plugin.string() + " is " + rebuilt));
  fs::remove_all(place / "cache");
  const auto again = saddle({"run", place.write("grid.json", grid), "--require-pins"});
  CHECK(again.code == 2);
  CHECK_THAT(again.err,
             Catch::Contains("model/sound is pinned to SHA-256 " + sound) && Catch::Contains(rebuilt));
  const auto differs = saddle({"plugins", "pins", place.write("grid.json", grid)});
  CHECK(differs.code == 1);
  CHECK_THAT(differs.err, Catch::Contains("model/sound is pinned in") && Catch::Contains(sound));

  // What was planned with pins is resumed with them.
  place.sqlite("update trial set state = 'planned'");
  const auto resume = saddle({"resume"});
  CHECK(resume.code == 2);
  CHECK_THAT(resume.err, Catch::Contains("model/sound is pinned to SHA-256 " + sound));
}

TEST_CASE("the worker holds a file against its pin before it opens it") {
  const std::string worker = (fs::path(SADDLE_PROGRAM).parent_path() / "saddle-worker").string();
  const std::string file = BROKEN_PLUGINS "/segfault_at_load.so", other(64, '0');
  const Json request = {{"id", 0},
                        {"config",
                         {{"train", {{"batch", 2}}},
                          {"dataset", {{"use", "segfault_at_load"}}},
                          {"models", Json::object()},
                          {"losses", Json::array()}}},
                        {"plugins", {{"dataset/segfault_at_load", file}}},
                        {"pins", {{"dataset/segfault_at_load", other}}}};
  const auto result = saddle::run_child({worker, "prove"}, request.dump() + "\n", 60);
  INFO(result.failure());
  REQUIRE(result.ok());
  const Json answer = Json::parse(result.out.substr(result.out.find('\n') + 1));
  CHECK(answer["message"] == "dataset/segfault_at_load is pinned to SHA-256 " + other + ", but " + file +
                                 " is " + saddle::sha256_file(file) + ": it was not opened");
}
