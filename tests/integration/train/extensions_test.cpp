#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include <common/sha256.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;

TEST_CASE(
    "what components record is in the database; a measurement that Ctrl-C cuts short is made by resume") {
  const Place place;
  const std::string hold = place.write("hold", std::string());
  Json grid = small_grid();
  grid["losses"].push_back({{"use", "recording"}, {"notes", (place / "notes.txt").string()}});
  grid["metrics"] = {{{"use", "interrupted"}, {"every", 10}, {"samples", 50}, {"hold", hold}}};
  const Arguments plugins = {"--plugins", EXTENSIONS};
  Arguments run = plugins;
  run.insert(run.end(), {"run", place.write("grid.json", grid)});

  const pid_t pid = place.start(run);
  REQUIRE(place.wait_until("select count(*) from metrics where metric = 'generator/total' and step = 10"));
  ::kill(pid, SIGINT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  const Json cut = place.sql("select reason, message, last_step from trials")[0];
  CHECK(cut["reason"] == "cancelled");
  CHECK(cut["message"] == "stopped at step 10: metric 'interrupted': the trial is to end");
  CHECK(cut["last_step"] == 10);

  fs::remove(hold);
  Arguments resume = plugins;
  resume.push_back("resume");
  const auto answer = place.saddle(resume);
  INFO(answer.out << answer.err);
  CHECK(answer.code == 0);
  CHECK(place.sql("select step from metrics where metric = 'interrupted' order by step") ==
        Json::parse(R"([{"step": 10}, {"step": 20}])"));
  CHECK(place.sql("select step from metrics where metric = 'generator/total' order by step") ==
        Json::parse(R"([{"step": 5}, {"step": 10}, {"step": 15}, {"step": 20}])"));
  CHECK(place.sql("select count(*) n, count(distinct value) v from metrics "
                  "where metric = 'discriminator/recording/draw'")[0] == Json({{"n", 20}, {"v", 20}}));

  const Json kept = place.sql(
      "select kind, name, path, sha256, media_type from artifacts "
      "where name like 'discriminator/%' and step = 16 order by name");
  REQUIRE(kept.size() == 3);
  const char* names[] = {"discriminator/recording/map", "discriminator/recording/maps",
                         "discriminator/recording/notes"};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(kept[i]["name"] == names[i]);
    CHECK(kept[i]["kind"] == (i < 2 ? "picture" : "file"));
    CHECK(kept[i]["media_type"] == (i < 2 ? "image/png" : "text/plain"));
    CHECK(saddle::sha256_file(kept[i]["path"].get<std::string>()) == kept[i]["sha256"]);
  }
}
