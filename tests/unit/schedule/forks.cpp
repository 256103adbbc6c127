// Workers that are forked from one that is loaded already: they are the same
// processes, whatever happens to that one.
#include <schedule/fork_server.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include <common/error.hpp>
#include <db/process.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::schedule;
using Catch::Matchers::Contains;

namespace {

struct Stat {
  pid_t parent = -1, group = -1;
};

Stat stat_of(pid_t pid) {
  const std::string text = text_of("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  Stat stat;
  std::string state;
  fields >> state >> stat.parent >> stat.group;
  return stat;
}

// A script in front of the fake worker.
std::filesystem::path script(const Bench& bench, const std::string& text) {
  const auto file = bench.folder / "worker.sh";
  std::ofstream(file) << "#!/bin/bash\n" << text << "\nexec " FAKE_WORKER " \"$@\"\n";
  ::chmod(file.c_str(), 0755);
  return file;
}

// The forking end alone, on one trial's folder.
struct Forking : Bench {
  Forking()
      : server(
            FAKE_WORKER, {}, [this](const std::string& text) { notices.push_back(text); }, patience) {}

  Command hang() {
    std::filesystem::create_directories(folder / "a");
    std::ofstream(folder / "a" / "trial.json") << R"({"config": {"fake": {"do": "hang"}}})";
    Command command;
    command.argv = {FAKE_WORKER,   "train",
                    "--trial",     (folder / "a" / "trial.json").string(),
                    "--folder",    (folder / "a").string(),
                    "--frames-fd", std::to_string(kWorkerFd)};
    command.environment = {{"OMP_NUM_THREADS", "3"}};
    command.output = folder / "a" / "output.log";
    return command;
  }
  bool runs() const { return !text_of(folder / "a" / "worker.pid").empty(); }

  ForkServer::Patience patience{std::chrono::milliseconds(10'000), std::chrono::milliseconds(300)};
  std::vector<std::string> notices;
  ForkServer server;
};

}  // namespace

TEST_CASE("a forked worker is our own child, leads its group and is told its threads") {
  Forking bench;
  auto process = bench.server.start(bench.hang());
  REQUIRE(process);
  REQUIRE(eventually([&] { return bench.runs(); }));
  const Stat worker = stat_of(process->pid());
  CHECK(worker.parent == ::getpid());
  CHECK(worker.group == process->pid());
  CHECK(process->pid() != bench.server.pid());
  CHECK(std::stoi(text_of(bench.folder / "a" / "worker.pid")) == process->pid());
  FrameReader reader;
  std::string started;
  REQUIRE(eventually([&] {
    char bytes[4096];
    const ssize_t n = ::read(process->frames_fd(), bytes, sizeof(bytes));
    if (n > 0) reader.feed(bytes, static_cast<std::size_t>(n));
    Frame frame;
    if (started.empty() && reader.next(frame)) started = frame.payload;
    return !started.empty();
  }));
  CHECK(Json::parse(started).at("threads") == 3);
  process->terminate();
  pollfd exited{process->exited_fd(), POLLIN, 0};
  REQUIRE(::poll(&exited, 1, 20'000) == 1);
  const Ending ending = process->wait();
  CHECK(ending.exit_code == 0);
  CHECK(ending.signal == 0);
}

TEST_CASE("a server that was killed is followed by another") {
  Forking bench;
  REQUIRE(bench.server.start(bench.hang()));
  const pid_t first = bench.server.pid();
  ::kill(first, SIGKILL);
  REQUIRE(bench.server.start(bench.hang()));
  CHECK(bench.server.pid() != first);
  CHECK(bench.notices.empty());
}

TEST_CASE("a server that does not answer is killed, and what it might yet have forked does nothing") {
  Forking bench;
  REQUIRE(bench.server.start(bench.hang()));
  std::filesystem::remove(bench.folder / "a" / "worker.pid");
  ::kill(bench.server.pid(), SIGSTOP);
  const pid_t first = bench.server.pid();
  auto process = bench.server.start(bench.hang());
  REQUIRE(process);
  CHECK(bench.server.pid() != first);
  REQUIRE(eventually([&] { return bench.runs(); }));
  CHECK(std::stoi(text_of(bench.folder / "a" / "worker.pid")) == process->pid());
}

TEST_CASE("a plugin file that was changed is loaded again") {
  Bench bench;
  const auto plugin = bench.folder / "one.so";
  std::ofstream(plugin) << "1";
  Forking forking;
  ForkServer server(FAKE_WORKER, {plugin}, [](const std::string&) {}, {});
  REQUIRE(server.start(forking.hang()));
  const pid_t first = server.pid();
  REQUIRE(server.start(forking.hang()));
  CHECK(server.pid() == first);
  std::ofstream(plugin) << "22";
  REQUIRE(server.start(forking.hang()));
  CHECK(server.pid() != first);
}

TEST_CASE("where there can be no server the workers are started one by one, and it is said once") {
  Bench bench;
  Recorder recorder;
  bench.observer = &recorder;
  bench.options.worker = script(bench, "[ \"$1\" = serve ] && echo no libtorch >&2 && exit 7");
  const auto trials = bench.run(bench.plan(std::vector<Json>(4, {{"do", "succeed"}})));
  for (const auto& trial : trials) CHECK(trial.reason == db::Reason::ok);
  REQUIRE(recorder.notices.size() == 1);
  CHECK_THAT(recorder.notices[0], Contains("one by one") && Contains("no libtorch"));
}

TEST_CASE("a cold run forks nothing, and neither does a single trial or one on a GPU") {
  Bench bench;
  bench.options.worker = script(bench, "[ \"$1\" = serve ] && touch " + (bench.folder / "served").string());
  std::size_t count = 3;
  bool served = false;
  SECTION("--cold") { bench.options.cold = true; }
  SECTION("a single one") { count = 1; }
  SECTION("CUDA") { bench.cuda = true; }
  SECTION("otherwise it does") { served = true; }
  for (const auto& trial : bench.run(bench.plan(std::vector<Json>(count, {{"do", "succeed"}}))))
    CHECK(trial.reason == db::Reason::ok);
  CHECK(std::filesystem::exists(bench.folder / "served") == served);
}

TEST_CASE("the server is killed again and again, and no attempt is lost or made twice") {
  Bench bench;
  bench.options.worker =
      script(bench, "[ \"$1\" = serve ] && echo $$ > " + (bench.folder / "server").string());
  bench.options.jobs = 3;
  Recorder recorder;
  bench.observer = &recorder;
  std::atomic<bool> over = false;
  std::atomic<int> killed = 0;
  const auto experiment =
      bench.plan(std::vector<Json>(60, {{"do", "train"}, {"rounds", 3}, {"round_ms", 4}}));
  std::thread killer([&] {
    std::mt19937 random(3);
    std::uniform_int_distribution<int> instant_ms(1, 60);
    while (!over) {
      std::this_thread::sleep_for(std::chrono::milliseconds(instant_ms(random)));
      const std::string pid = text_of(bench.folder / "server");
      if (!pid.empty() && pid.back() == '\n' && ::kill(std::stoi(pid), SIGKILL) == 0) ++killed;
    }
  });
  const auto trials = bench.run(experiment);
  over = true;
  killer.join();
  INFO("killed " << killed << " times");
  CHECK(killed >= 1);
  for (const auto& trial : trials) {
    CHECK(trial.reason == db::Reason::ok);
    CHECK(trial.attempts == 1);
  }
  CHECK(bench.sql("SELECT count(*) FROM metrics") == "180");
}
