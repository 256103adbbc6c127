// The commands run, resume and doctor as a user calls them, with the fake worker
// behind.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include <db/process.hpp>

#include "place.hpp"

using namespace saddle;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

bool ended(const schedule::Process& process) {
  pollfd exited{process.exited_fd(), POLLIN, 0};
  return ::poll(&exited, 1, 0) == 1;
}

}  // namespace

TEST_CASE("run ends with a ranked table and real next commands, and runs nothing twice") {
  Place place;
  place.grid({{"rounds", 3}}, {{"dataset.score", {{"values", {5.5, 2.25}}}}}, {{"seeds", {0, 1}}});
  const ChildResult first = place.saddle({"run", place.file()});
  INFO(first.out << first.err);
  CHECK(first.exit_code == 0);
  CHECK_THAT(first.out, Contains("2 x 2 = 4 trials") && Contains("4 to run") && Contains("g: 4 ok"));
  CHECK_THAT(first.out, Contains("score") && Contains("2.25") && Contains(place.database.string()));
  // The better of the two configs: its first trial is the one to look at.
  CHECK_THAT(first.out, Contains("best --metric score") && Contains("show 0003-"));
  CHECK(place.count("trials WHERE state = 'done'") == "4");

  const ChildResult second = place.saddle({"run", place.file()});
  CHECK(second.exit_code == 0);
  CHECK_THAT(second.out, Contains("4 done before and not run again, 0 to run") && !Contains("start "));
  CHECK(place.count("attempts") == "4");
}

TEST_CASE("next commands mean one trial where experiments have trials of one name") {
  Place place;
  place.grid({{"rounds", 3}}, Json::object());
  const ChildResult first = place.saddle({"run", place.file()});
  CHECK_THAT(first.out, Contains("show 0001-s0\n"));
  place.grid({{"do", "exit"}}, Json::object(), {{"name", "h"}});
  const ChildResult second = place.saddle({"run", place.file()});
  CHECK(second.exit_code == 1);
  const std::string number = "2";
  CHECK_THAT(second.out, Contains("show " + number + "\n"));
  CHECK(second.out.find("show ") == second.out.rfind("show "));
  CHECK(place.saddle({"show", number}).exit_code == 0);
  CHECK(place.saddle({"show", "0001-s0"}).exit_code == 2);
}

TEST_CASE("a failed trial is one line and exit code 1") {
  Place place;
  place.grid(Json::object(), {{"dataset.do", {{"values", {"exit", "succeed", "diverge"}}}}});
  const ChildResult result = place.saddle({"run", place.file()});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.out,
             Contains("error  0001-") && Contains("cannot open the data [") && Contains("output.log]"));
  CHECK_THAT(result.out,
             Contains("1 ok, 1 diverged, 1 error") && Contains("show 0001-") && Contains("resume g"));
  CHECK(place.count("trials WHERE state = 'done'") == "2");
}

TEST_CASE("a result that diverged is no failure") {
  Place place;
  place.grid({{"do", "diverge"}}, Json::object());
  CHECK(place.saddle({"run", place.file()}).exit_code == 0);
}

TEST_CASE("Ctrl-C leaves 130 and trials that resume finishes") {
  Place place;
  place.grid({{"rounds", 100}, {"round_ms", 20}}, Json::object(), {{"seeds", {0, 1, 2}}});
  auto run = place.start({"run", place.file(), "--jobs", "2"});
  REQUIRE(
      eventually([&] { return text_of(place.folder / "out.txt").find("start 0002") != std::string::npos; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ::kill(run.pid(), SIGINT);
  REQUIRE(eventually([&] { return ended(run); }));
  CHECK(run.wait().exit_code == 130);
  CHECK_THAT(text_of(place.folder / "out.txt"),
             Contains("interrupted: 2 running") && Contains("1 not started"));
  CHECK(place.count("trials WHERE state = 'stopped'") == "2");

  const ChildResult resumed = place.saddle({"resume"});
  INFO(resumed.out << resumed.err);
  CHECK(resumed.exit_code == 0);
  CHECK_THAT(resumed.out, Contains("0001-s0, attempt 2, goes on from step") && Contains("3 ok"));
  CHECK(place.count("metrics WHERE metric = 'generator/total'") == "300");
}

TEST_CASE("killed again and again, a run still ends with every row of every trial") {
  Place place;
  place.grid({{"rounds", 60}, {"round_ms", 5}, {"checkpoint_every", 10}, {"score", 1.5}}, Json::object(),
             {{"seeds", {0, 1, 2, 3, 4, 5}}});
  std::mt19937 random(7);
  std::uniform_int_distribution<int> instant_ms(20, 700);
  std::vector<std::string> words = {"run", place.file(), "--jobs", "3"};
  for (int i = 0; i < 8; ++i) {
    auto run = place.start(words);
    std::this_thread::sleep_for(std::chrono::milliseconds(instant_ms(random)));
    ::kill(run.pid(), SIGKILL);
    run.wait();
  }
  const ChildResult last = place.saddle({"run", place.file()});
  INFO(last.out << last.err);
  CHECK(last.exit_code == 0);
  CHECK(place.count("trials WHERE state = 'done'") == "6");
  CHECK(place.count("metrics WHERE metric = 'generator/total'") == "360");
  CHECK(place.count("(SELECT DISTINCT trial, step FROM metrics WHERE metric = 'generator/total')") == "360");
  CHECK(place.count("metrics WHERE metric = 'score'") == "6");
  CHECK(place.sql("PRAGMA integrity_check") == "ok");
}

TEST_CASE("resume keeps to the plan: limits, versions, plugins") {
  Place place;
  place.grid({{"do", "hang"}}, Json::object());
  const ChildResult first = place.saddle({"run", place.file(), "--set", "limits.time_s=0.2"});
  INFO(first.out << first.err);
  CHECK(first.exit_code == 1);
  CHECK_THAT(first.out, Contains("timeout  0001") && Contains("stopped after 0.2 s"));

  SECTION("limits set by --set count again") {
    CHECK_THAT(place.saddle({"resume", "g"}).out, Contains("stopped after 0.2 s"));
  }
  SECTION("another version is refused") {
    place.plugin_version("2");
    const ChildResult other = place.saddle({"resume", "g"});
    CHECK(other.exit_code == 2);
    CHECK_THAT(other.err, Contains("another version") && Contains("dataset/fake@2"));
    CHECK(place.count("attempts") == "1");
  }
  SECTION("a plugin that is gone is named") {
    fs::remove(place.folder / "plugins" / "libfake.so");
    const ChildResult gone = place.saddle({"resume", "g"});
    CHECK(gone.exit_code == 2);
    CHECK_THAT(gone.err, Contains("fake") && Contains("--plugins"));
  }
  SECTION("there must be such an experiment") {
    const ChildResult unknown = place.saddle({"resume", "h"});
    CHECK(unknown.exit_code == 2);
    CHECK_THAT(unknown.err, Contains("no experiment \"h\""));
  }
}

TEST_CASE("a second run on the same database says who holds it") {
  Place place;
  place.grid({{"do", "hang"}}, Json::object());
  auto run = place.start({"run", place.file()});
  REQUIRE(
      eventually([&] { return text_of(place.folder / "out.txt").find("start 0001") != std::string::npos; }));
  const ChildResult second = place.saddle({"run", place.file()});
  CHECK(second.exit_code == 3);
  CHECK_THAT(second.err, Contains(std::to_string(run.pid())));
  ::kill(run.pid(), SIGTERM);
  REQUIRE(eventually([&] { return ended(run); }));
  CHECK(run.wait().exit_code == 130);
}

TEST_CASE("a full disk ends the run with one message, and resume loses no row") {
  Place place;
  place.grid({{"rounds", 200000}, {"checkpoint_every", 50000}}, Json::object(), {{"seeds", {0, 1}}});
  // The file-size limit stands for the full disk.
  std::string line = "ulimit -f 2000; exec";
  for (const std::string& word : place.command({"run", place.file()})) line += " '" + word + "'";
  const ChildResult full = run_child({"/bin/bash", "-c", line}, "", 60);
  INFO(full.out << full.err);
  CHECK(full.exit_code == 3);
  CHECK_THAT(full.err,
             Contains("saddle: ") && Contains(place.database.string()) && Contains("free some space"));
  CHECK(std::count(full.err.begin(), full.err.end(), '\n') == 1);
  for (const char* trial : {"0001-s0", "0002-s1"}) {
    const std::string pid = text_of(place.folder / "test.runs" / "g" / trial / "attempt-1" / "worker.pid");
    if (!pid.empty())
      CHECK(eventually([&] { return db::identify_process(std::stoll(pid)).start_time == -1; }));
  }

  const ChildResult resumed = place.saddle({"resume"});
  INFO(resumed.out << resumed.err);
  CHECK(resumed.exit_code == 0);
  CHECK(place.count("metrics WHERE metric = 'generator/total'") == "400000");
  CHECK(place.sql("PRAGMA integrity_check") == "ok");
}

TEST_CASE("what cannot be run is one message and exit code 2, and touches no database") {
  Place place;
  place.grid({{"rounds", "many"}}, Json::object());
  const ChildResult bad = place.saddle({"run", place.file()});
  CHECK(bad.exit_code == 2);
  CHECK_THAT(bad.err, Contains("g.json:") && Contains("/dataset/rounds"));
  CHECK_FALSE(fs::exists(place.database));
  CHECK(place.saddle({"run", "no-such-file.json"}).exit_code == 2);
  CHECK(place.saddle({"run"}).exit_code == 2);
  CHECK(place.saddle({"run", place.file(), "--jobs", "0"}).exit_code == 2);
  const ChildResult word = place.saddle({"rnu"});
  CHECK(word.exit_code == 2);
  CHECK_THAT(word.err, Contains("no command \"rnu\". Nearest: \"run\""));
  CHECK(place.saddle({"resume"}).exit_code == 2);
  CHECK_THAT(run_child({SADDLE}, "", 10).out, Contains("saddle run experiments/quickstart.json"));
  CHECK_THAT(run_child({SADDLE, "--version"}, "", 10).out, Contains("saddle "));
}

TEST_CASE("doctor finds what a run would stumble over, and leaves nothing behind") {
  Place place;
  const ChildResult well = place.saddle({"doctor", "--json"});
  INFO(well.out << well.err);
  const Json facts = Json::parse(well.out);
  CHECK(facts.at("healthy") == (well.exit_code == 0));
  CHECK(facts.at("faults").empty());
  CHECK(facts.at("worker").at("libtorch") == "0.0.0");
  CHECK(facts.at("plugins").at(0).at("components") == 3);
  CHECK_THAT(place.saddle({"doctor"}).out, Contains("SQLite") && Contains("GB free") && Contains("CUDA"));
  for (const auto& entry : fs::directory_iterator(place.folder))
    CHECK_THAT(entry.path().filename().string(), !Contains("doctor"));
  CHECK_FALSE(fs::exists(place.database));

  ::setenv("SADDLE_WORKER", "/no/such/worker", 1);
  const ChildResult ill = place.saddle({"doctor"});
  CHECK(ill.exit_code == 1);
  CHECK_THAT(ill.out, Contains("FAULT  worker"));

  std::ofstream(place.database) << "this is no database, but a text that is long enough to be looked at";
  CHECK_THAT(place.saddle({"doctor"}).out, Contains("FAULT  database"));
}

TEST_CASE("run and resume take a part of the plan by --only and --where, and the rest later") {
  Place place;
  place.grid({{"rounds", 3}}, {{"dataset.score", {{"values", {5.5, 2.25}}}}}, {{"seeds", {0, 1}}});
  const ChildResult some = place.saddle({"run", place.file(), "--where", "dataset.score < 3 and seed == 1"});
  INFO(some.out << some.err);
  CHECK(some.exit_code == 0);
  CHECK_THAT(some.out, Contains("2 x 2 = 4 trials, of which 1 are chosen") && Contains("1 to run"));
  CHECK(place.count("trials") == "4");
  CHECK(place.count("trials WHERE state = 'done' AND seed = 1 AND config ->> '$.dataset.score' = 2.25") ==
        "1");
  CHECK_THAT(place.saddle({"resume", "--only", "0001-*"}).out, Contains("1 to run"));
  CHECK(place.count("trials WHERE state = 'done'") == "2");
  CHECK_THAT(place.saddle({"resume"}).out, Contains("2 done before and not run again, 2 to run"));

  CHECK_THAT(place.saddle({"resume", "--only", "x"}).err,
             Contains("no trial is chosen by --only 'x'; there are 4"));
  const ChildResult wrong = place.saddle({"run", place.file(), "--where", "dataset.scroe < 3"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, Contains("no trial has the path \"dataset.scroe\". Nearest: \"dataset.score\""));
}

TEST_CASE("a rebuilt plugin runs nothing again unless that is asked for, and ls marks its results") {
  Place place;
  place.grid({{"rounds", 3}}, Json::object(), {{"seeds", {0, 1}}});
  CHECK(place.saddle({"run", place.file()}).exit_code == 0);
  CHECK_THAT(place.saddle({"ls"}).out, !Contains("*"));

  place.plugin_version("1 rebuilt");
  CHECK_THAT(place.saddle({"run", place.file()}).out, Contains("2 done before and not run again, 0 to run"));
  const ChildResult marked = place.saddle({"ls"});
  CHECK_THAT(marked.out,
             Contains("done *") && Contains("* made with another binary of loss/fake than is there now"));
  CHECK_THAT(place.saddle({"ls", "--json"}).out, Contains("\"rebuilt\": [\n   \"loss/fake\"\n  ]"));

  const ChildResult one = place.saddle({"run", place.file(), "--rerun-changed", "--where", "seed = 1"});
  INFO(one.out << one.err);
  CHECK(one.exit_code == 0);
  CHECK_THAT(one.out, Contains("1 result was made with another binary of loss/fake and will be made anew") &&
                          Contains("1 to run"));
  CHECK(place.count("attempts") == "3");
  CHECK(place.count("trials WHERE state = 'done'") == "2");
  CHECK(place.count("metrics JOIN trials USING (trial) WHERE seed = 1 AND metrics.attempt = 1") == "0");
  CHECK(place.count("metrics JOIN trials USING (trial) WHERE seed = 1 AND metrics.attempt = 2") != "0");
  CHECK_THAT(place.saddle({"resume", "--rerun-changed"}).out, Contains("1 to run"));
  CHECK_THAT(place.saddle({"resume", "--rerun-changed"}).out,
             Contains("2 done before and not run again, 0 to run"));
  CHECK_THAT(place.saddle({"ls"}).out, !Contains("*"));

  SECTION("a raised version is another trial") {
    place.plugin_version("2");
    CHECK_THAT(place.saddle({"run", place.file()}).out, Contains("2 to run"));
    CHECK(place.count("trials") == "4");
  }
}

TEST_CASE("plan says what is done and how long the rest takes, as past attempts of the kind tell") {
  Place place;
  place.grid({{"rounds", 10}, {"round_ms", 20}}, {{"train.rounds", {{"values", {10}}}}}, {{"seeds", {0, 1}}});
  CHECK_THAT(place.saddle({"plan", place.file()}).out, !Contains("about") && !Contains("done"));
  CHECK(place.saddle({"run", place.file(), "--jobs", "1", "--only", "*-s0"}).exit_code == 0);
  const ChildResult rest = place.saddle({"plan", place.file()});
  INFO(rest.out << rest.err);
  CHECK_THAT(rest.out, Contains("g: 1 x 2 = 2 trials\n1 done already; the other 1 takes about ") &&
                           Contains("as 1 past attempt tells"));

  // Ten times the rounds at another rate: the same kind, ten times as long. Another data set's shape:
  // unknown.
  const auto estimate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"plan", place.file(), "--json"});
    return Json::parse(place.saddle(more).out)["estimate"];
  };
  const Json once = estimate({"--set", "optimizers.generator.lr=0.5"});
  const Json tenfold = estimate({"--set", "train.rounds=100", "--set", "optimizers.generator.lr=0.5"});
  CHECK(once["known"] == 2);
  CHECK(once["done"] == 0);
  CHECK(once["seconds"].get<double>() > 0.15);
  CHECK(tenfold["seconds"].get<double>() == Approx(10 * once["seconds"].get<double>()).epsilon(1e-6));
  CHECK(estimate({"--set", "dataset.do=diverge"})["unknown"] == 2);
}
