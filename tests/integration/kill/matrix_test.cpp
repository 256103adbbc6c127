// The kill matrix: saddle, a worker or both are killed at chosen instants, and `saddle resume` must make of
// what is left the same as a run that nobody killed.
#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "rows.hpp"
#include "victim.hpp"

using namespace saddle::test;
using saddle::Json;
namespace fs = std::filesystem;

namespace {

// What goes on from a checkpoint here: optimisers, averages, spectral norms, a loss with a memory, data
// order.
Json grid() {
  return Json::parse(R"({
    "name": "kill",
    "dataset": {"use": "gaussians"},
    "models": {"generator": {"use": "mlp", "width": 8},
               "discriminator": {"use": "mlp", "width": 8, "norm": "spectral"}},
    "optimizers": {"generator": {"use": "adam", "lr": 1e-3}, "discriminator": {"use": "adam", "lr": 1e-3}},
    "train": {"rounds": 60, "batch": 16, "ema": {"decay": 0.9}, "updates": {"discriminator": 2}},
    "metrics": [{"use": "frechet", "every": 30, "samples": 100}],
    "record": {"every": 2},
    "checkpoint": {"every": 10},
    "sweep": {"losses": {"values": [[{"use": "hinge"}, {"use": "lecam"}], [{"use": "ns"}, {"use": "r1"}]]}},
    "seeds": [1, 2]
  })");
}
constexpr std::size_t kTrials = 4;

const std::string kUnanswered = "ask";  // a process that describes or proves has just begun

class Matrix {
 public:
  explicit Matrix(std::string point) : point_(std::move(point)), random_(seed()) {
    place_ = std::make_unique<Place>();
    file_ = place_->write("grid.json", grid());
    REQUIRE(place_->saddle({"plugins", "ls"}).code == 0);  // fills the cache
    unkilled();
  }

  // One instant of one cell. Where nothing of what shall be killed lives, another is taken: a worker at the
  // first claim, or after the last.
  void kill(const std::string& victims) {
    for (int tries = 0; tries < 20; ++tries)
      if (killed_at_random(victims)) return;
    FAIL(victims << " could not be killed at " << point_);
  }

  int killed() const { return killed_; }

 private:
  // False when there was nothing to kill any more; what is left must be as good then.
  bool killed_at_random(const std::string& victims) {
    const bool cold = chance(0.5);
    Arguments options = {"--jobs", "2"};
    if (cold) options.push_back("--cold");
    Instant instant;
    instant.point = point_ == "plan" && (victims == "worker" || chance(0.3)) ? kUnanswered : point_;
    instant.number = pick(1, calls_.at(instant.point));
    instant.when = std::vector<std::string>{"before", "middle", "after"}[pick(0, 2)];
    // What happens to one that trains, or to a worker that proves, happens while it does so.
    instant.hold =
        point_ != "training" && (instant.point != kUnanswered || victims != "worker") && chance(0.7);
    std::chrono::microseconds delay(0);
    if (!instant.hold)
      delay = std::chrono::microseconds(pick(0, instant.point == kUnanswered ? 200'000 : 20'000));
    INFO(victims << " at call " << instant.number << " of " << instant.point << ", " << instant.when
                 << (instant.hold ? ", held" : ", " + std::to_string(delay.count()) + " us later")
                 << (cold ? ", cold" : ", forked"));

    const Place place;
    if (point_ == "plan") forget_plugins(place);
    std::vector<std::string> acknowledged;
    bool struck = false;
    {
      Victim victim(place, with({"run", file_}, options), instant);
      const Process ringer = victim.wait_for_bell();
      if (ringer.id > 0) {
        std::this_thread::sleep_for(delay);
        acknowledged = committed(place);
        struck = strike(victim, victims, ringer);
      }
      INFO(victim.said());
      for (const Process& orphan : victim.orphans()) CHECK("left behind: " + orphan.role == "");
    }
    killed_ += struck;
    resume(place, options, acknowledged);
    return struck;
  }

  static unsigned seed() {
    const char* text = std::getenv("SADDLE_KILL_SEED");
    return text ? static_cast<unsigned>(std::atoi(text)) : 1;
  }
  long pick(long from, long to) {
    return std::uniform_int_distribution<long>(from, std::max(from, to))(random_);
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  static Arguments with(Arguments arguments, const Arguments& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // The truth, and how often the point is passed.
  void unkilled() {
    for (const std::string& point :
         point_ == "plan" ? std::vector{point_, kUnanswered} : std::vector{point_}) {
      const Place place;
      if (point_ == "plan") forget_plugins(place);
      Victim victim(place, {"run", file_, "--jobs", "2"}, {point, 0, "before", false});
      const int status = victim.wait();
      INFO(victim.said());
      REQUIRE(WIFEXITED(status));
      REQUIRE(WEXITSTATUS(status) == 0);
      calls_[point] = victim.calls();
      REQUIRE(calls_[point] > 0);
      const auto numbers = measured(place / "saddle.db");
      if (!truth_.empty()) REQUIRE(numbers == truth_);
      truth_ = numbers;
      REQUIRE(truth_.size() > 1000);
    }
  }

  // A cache in which some plugins are not described and no config is proved, so that planning takes
  // processes.
  static void forget_plugins(const Place& place) {
    const fs::path cache = place / "cache", known = fs::path(SADDLE_TEST_CACHE) / "saddle";
    fs::create_directories(cache / "saddle" / "plugins");
    int n = 0;
    for (const auto& entry : fs::directory_iterator(known / "plugins"))
      if (entry.is_regular_file() && n++ % 8 != 0)
        fs::copy_file(entry.path(), cache / "saddle" / "plugins" / entry.path().filename());
    ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  }

  // Rows that a reader sees are acknowledged.
  static std::vector<std::string> committed(const Place& place) {
    try {
      auto rows = rows_of(place / "saddle.db", "SELECT attempt_id, key_id, step, value, kind FROM metric");
      std::sort(rows.begin(), rows.end());
      return rows;
    } catch (const std::runtime_error&) {
      return {};  // there is no database yet
    }
  }

  // Whether one of them still lived.
  bool strike(Victim& victim, const std::string& victims, const Process& ringer) {
    auto targets = victims == "saddle" ? std::vector<Process>() : victim.workers();
    if (victims == "worker" && ringer.role != "saddle")
      std::erase_if(targets, [&](const Process& worker) { return worker.id != ringer.id; });
    const std::size_t workers = targets.size();
    if (victims != "worker")
      targets.insert(chance(0.5) ? targets.begin() : targets.end(), {victim.saddle(), "saddle"});
    for (const Process& target : targets) ::kill(target.id, SIGKILL);
    // What is held and was not killed goes on only where saddle lives: else it must go without.
    if (victims == "worker" && fs::exists(victim.folder() / "hold")) victim.let_go();
    const int status = victim.wait();
    return victims == "worker" ? workers > 0 : WIFSIGNALED(status);
  }

  void resume(const Place& place, const Arguments& options, const std::vector<std::string>& acknowledged) {
    const fs::path database = place / "saddle.db";
    const char* states = "SELECT trial_hash, state = 'done', attempts FROM trial ORDER BY 1";
    std::vector<std::string> before;
    if (fs::exists(database)) {
      CHECK(rows_of(database, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
      try {
        before = rows_of(database, states);
      } catch (const std::runtime_error&) {
        // killed before the first table
      }
    }
    auto answer = place.saddle(with({"resume"}, options));
    if (before.empty()) {
      // Nothing was stored: then that is said, and the file is run again.
      CHECK(answer.code == 2);
      CHECK_THAT(answer.err, Catch::Contains("saddle run"));
      answer = place.saddle(with({"run", file_}, options));
    }
    INFO(answer.out << answer.err);
    CHECK(answer.code == 0);
    std::vector<std::string> expected;
    for (const std::string& row : before) {
      const bool done = row.find(" | 1 | ") != std::string::npos;
      const std::size_t number = row.rfind(' ') + 1;
      const int attempts = std::stoi(row.substr(number)) + (done ? 0 : 1);
      expected.push_back(row.substr(0, row.find(" | ")) + " | 1 | " + std::to_string(attempts));
    }
    const auto after = rows_of(database, states);
    CHECK(after.size() == kTrials);
    if (!before.empty()) CHECK(after == expected);
    CHECK(rows_of(
              database,
              "SELECT count(*) FROM attempts WHERE reason IN ('ok', 'pruned', 'diverged') GROUP BY trial") ==
          std::vector<std::string>(kTrials, "1"));
    CHECK(rows_of(database, "SELECT count(*) FROM attempts WHERE reason IS NULL") ==
          std::vector<std::string>{"0"});
    CHECK(rows_of(database, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
    const auto kept = committed(place);
    CHECK(std::includes(kept.begin(), kept.end(), acknowledged.begin(), acknowledged.end()));
    const auto numbers = measured(database);
    CHECK(numbers.size() == truth_.size());
    for (std::size_t i = 0; i < std::min(numbers.size(), truth_.size()); ++i)
      if (numbers[i] != truth_[i]) {
        CHECK(numbers[i] == truth_[i]);  // the first that differs says enough
        break;
      }
  }

  std::string point_, file_;
  std::mt19937 random_;
  std::unique_ptr<Place> place_;
  std::map<std::string, long> calls_;
  std::vector<std::string> truth_;
  int killed_ = 0;
};

void column(const std::string& point) {
  const char* text = std::getenv("SADDLE_KILL_INSTANTS");
  const int instants = text ? std::atoi(text) : 2;
  Matrix matrix(point);
  for (int i = 0; i < instants; ++i)
    for (const char* victims : {"saddle", "worker", "both"}) matrix.kill(victims);
  WARN(point << ": killed " << matrix.killed() << " times");
  CHECK(matrix.killed() == instants * 3);
}

}  // namespace

TEST_CASE("killed while it plans") { column("plan"); }
TEST_CASE("killed while it claims a trial and starts its worker") { column("claim"); }
TEST_CASE("killed while it trains") { column("training"); }
TEST_CASE("killed while a checkpoint takes the place of another") { column("checkpoint"); }
TEST_CASE("killed while metrics are sent and stored") { column("flush"); }
TEST_CASE("killed while a result is committed") { column("final"); }
