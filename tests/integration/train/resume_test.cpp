#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

Json long_grid() {
  Json grid = small_grid();
  grid["train"]["rounds"] = 4000;
  grid["losses"].push_back({{"use", "r1"}});
  grid["train"]["ema"] = {{"decay", 0.99}};
  grid["metrics"] = {{{"use", "frechet"}, {"every", 500}, {"samples", 200}}};
  grid["record"]["every"] = 100;
  grid["checkpoint"] = {{"every", 200}};
  grid["seeds"] = {1, 2};
  return grid;
}

// Every number but the clock's.
const char* kNumbers =
    "select t.name, metric, step, m.value from metrics m join trials t on t.trial = m.trial "
    "where metric != 'images_per_second' order by 1, 2, 3";

Json unkilled() {
  const Place place;
  const std::string grid = place.write("grid.json", long_grid());
  REQUIRE(place.saddle({"run", grid}).code == 0);
  return place.sql(kNumbers);
}

}  // namespace

TEST_CASE("a run whose saddle was killed is resumed to the same numbers, bit for bit") {
  const Place place;
  const std::string grid = place.write("grid.json", long_grid());
  const pid_t pid = place.start({"run", grid, "--jobs", "1"});
  REQUIRE(place.wait_until("select count(*) from events where type = 'checkpoint'"));
  ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WIFSIGNALED(status));

  const auto answer = place.saddle({"resume"});
  INFO(answer.out << answer.err);
  CHECK(answer.code == 0);
  CHECK(place.sql("select count(*) n from trials where state = 'done'")[0]["n"] == 2);
  CHECK(place.sql("select attempts n from trials order by trial")[0]["n"] == 2);
  CHECK(place.sqlite("pragma integrity_check") == "ok");
  const bool same = place.sql(kNumbers) == unkilled();
  CHECK(same);
}

TEST_CASE("Ctrl-C stops cleanly and resume finishes the rest") {
  const Place place;
  const std::string grid = place.write("grid.json", long_grid());
  const pid_t pid = place.start({"run", grid, "--jobs", "1"});
  REQUIRE(place.wait_until("select count(*) from metrics where metric = 'generator/total'"));
  ::kill(pid, SIGINT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(place.sql("select count(*) n from trials where state = 'running'")[0]["n"] == 0);

  const auto answer = place.saddle({"resume", "small"});
  INFO(answer.out << answer.err);
  CHECK(answer.code == 0);
  const bool same = place.sql(kNumbers) == unkilled();
  CHECK(same);
}
