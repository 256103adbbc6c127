#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "db/sqlite.hpp"

// The table behind the view `finals`, kept up while trials run: what each curve
// has come to is counted as its rows are stored, and written once a second.
// Of the writer thread only. Private to db/.
namespace saddle::db {

class Summaries {
 public:
  using Clock = std::chrono::steady_clock;

  // Inside a transaction, before the first of a batch's rows of this attempt is stored.
  void expect(Connection& connection, std::int64_t attempt);
  // A row of an attempt that was expected, after it was stored.
  void count(std::int64_t attempt, std::int64_t key, std::int64_t step, double value, int kind);

  // Inside a transaction. Writes what changed: of one attempt, of those whose
  // second is over, or of all.
  void write(Connection& connection, std::int64_t attempt);
  void write_due(Connection& connection, Clock::time_point now);
  void write_all(Connection& connection);
  // When write_due has something to do next; none: all is written.
  std::optional<Clock::time_point> next_due() const;

  bool knows(std::int64_t attempt) const { return attempts_.contains(attempt); }
  // An attempt that ended, or whose earlier rows turned out not to count.
  void forget(std::int64_t attempt) { attempts_.erase(attempt); }
  // A transaction was rolled back: what was counted is not what is stored.
  void forget_all() { attempts_.clear(); }

  // From the stored rows alone.
  static void rebuild(Connection& connection, std::int64_t trial);

 private:
  struct Curve {
    std::int64_t n = 0, n_nan = 0, last_step = 0, argmin = 0, argmax = 0;
    double last = 0, min = 0, max = 0;
    int last_kind = 0;
    bool finite = false;   // min and max are there
    bool changed = false;  // since it was written
    bool recount = false;  // a step came again or late: only the rows know
  };
  struct Attempt {
    std::int64_t trial = 0, start_step = -1;
    std::unordered_map<std::int64_t, Curve> curves;  // by key
    std::optional<Clock::time_point> due;            // none: all is written
  };

  static std::unordered_map<std::int64_t, Curve> read(Connection& connection, std::int64_t trial,
                                                      std::optional<std::int64_t> key);
  static void write(Connection& connection, Attempt& attempt);

  std::unordered_map<std::int64_t, Attempt> attempts_;
};

}  // namespace saddle::db
