#include "db/summaries.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace saddle::db {
namespace {

constexpr std::chrono::seconds kInterval{1};

// Of the rows of trial ?1 that count, one row a curve; ?2 is a key, or null for all.
constexpr std::string_view kFromRows = R"sql(
WITH valid AS MATERIALIZED (
  SELECT m.key_id, m.step, m.value, m.kind
    FROM attempt a JOIN metric m ON m.attempt_id = a.id
   WHERE a.trial_id = ?1 AND (?2 IS NULL OR m.key_id = ?2)
     AND m.step <= a.valid_until AND (a.start_step < 0 OR m.step > a.start_step)
), ending AS (  -- bare columns beside a lone max() are of that row
  SELECT key_id, max(step) AS step, value, kind, count(*) AS n, sum(kind = 1) AS n_nan FROM valid GROUP BY key_id
), low AS (
  SELECT key_id, min(value) AS value, step FROM valid WHERE kind = 0 GROUP BY key_id
), high AS (
  SELECT key_id, max(value) AS value, step FROM valid WHERE kind = 0 GROUP BY key_id
)
SELECT e.key_id, e.value, e.kind, e.step, low.value, low.step, high.value, high.step, e.n, e.n_nan
  FROM ending e LEFT JOIN low USING (key_id) LEFT JOIN high USING (key_id)
)sql";

}  // namespace

std::unordered_map<std::int64_t, Summaries::Curve> Summaries::read(Connection& connection, std::int64_t trial,
                                                                   std::optional<std::int64_t> key) {
  // One key by a seek in each attempt: with "?2 IS NULL OR" SQLite would read all.
  static const std::string one_key = [] {
    std::string sql(kFromRows);
    const std::string_view either = "(?2 IS NULL OR m.key_id = ?2)";
    return sql.replace(sql.find(either), either.size(), "m.key_id = ?2");
  }();
  const auto rows = connection.prepared(key ? one_key : kFromRows);
  rows->bind(trial, key ? Value{*key} : Value{});
  std::unordered_map<std::int64_t, Curve> curves;
  while (rows->step())
    curves[rows->integer(0)] = {.n = rows->integer(8),
                                .n_nan = rows->integer(9),
                                .last_step = rows->integer(3),
                                .argmin = rows->integer(5),
                                .argmax = rows->integer(7),
                                .last = rows->real(1),
                                .min = rows->real(4),
                                .max = rows->real(6),
                                .last_kind = static_cast<int>(rows->integer(2)),
                                .finite = !rows->is_null(4)};
  return curves;
}

void Summaries::expect(Connection& connection, std::int64_t attempt) {
  if (attempts_.contains(attempt)) return;
  std::int64_t trial = 0, start_step = -1;
  {
    const auto row = connection.prepared("SELECT trial_id, start_step FROM attempt WHERE id = ?1");
    if (!row->bind(attempt).step()) return;  // rows of nothing: kept, but of no trial
    trial = row->integer(0);
    start_step = row->integer(1);
  }
  Attempt& entry = attempts_[attempt];
  entry.trial = trial;
  entry.start_step = start_step;
  entry.curves = read(connection, trial, std::nullopt);
  // What an earlier attempt left that does not count any more goes.
  connection.prepared("DELETE FROM trial_summary WHERE trial_id = ?1")->bind(trial).run();
  for (auto& [key, curve] : entry.curves) curve.changed = true;
  entry.due = Clock::now();
}

void Summaries::count(std::int64_t attempt, std::int64_t key, std::int64_t step, double value, int kind) {
  const auto found = attempts_.find(attempt);
  if (found == attempts_.end()) return;
  Attempt& entry = found->second;
  // Up to where it started the earlier attempts' rows count.
  if (entry.start_step >= 0 && step <= entry.start_step) return;
  if (!entry.due) entry.due = Clock::now() + kInterval;
  Curve& curve = entry.curves[key];
  curve.changed = true;
  if (curve.n > 0 && step <= curve.last_step) curve.recount = true;
  if (curve.recount) return;
  ++curve.n;
  curve.n_nan += kind == 1 ? 1 : 0;
  curve.last_step = step;
  curve.last = value;
  curve.last_kind = kind;
  if (kind != 0) return;
  if (!curve.finite || value < curve.min) {
    curve.min = value;
    curve.argmin = step;
  }
  if (!curve.finite || value > curve.max) {
    curve.max = value;
    curve.argmax = step;
  }
  curve.finite = true;
}

void Summaries::write(Connection& connection, Attempt& attempt) {
  const auto insert = connection.prepared(
      "INSERT OR REPLACE INTO trial_summary (trial_id, key_id, last, last_kind, last_step, min, argmin, max,"
      " argmax, n, n_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
  for (auto& [key, curve] : attempt.curves) {
    if (!curve.changed) continue;
    if (curve.recount) curve = read(connection, attempt.trial, key)[key];
    const auto if_finite = [&curve = curve](auto value) { return curve.finite ? Value{value} : Value{}; };
    insert
        ->bind(attempt.trial, key, curve.last_kind == 1 ? Value{} : Value{curve.last}, curve.last_kind,
               curve.last_step, if_finite(curve.min), if_finite(curve.argmin), if_finite(curve.max),
               if_finite(curve.argmax), curve.n, curve.n_nan)
        .run();
    curve.changed = false;
  }
  attempt.due.reset();
}

void Summaries::write(Connection& connection, std::int64_t attempt) {
  const auto found = attempts_.find(attempt);
  if (found != attempts_.end()) write(connection, found->second);
}

void Summaries::write_due(Connection& connection, Clock::time_point now) {
  for (auto& [id, attempt] : attempts_)
    if (attempt.due && *attempt.due <= now) write(connection, attempt);
}

void Summaries::write_all(Connection& connection) {
  for (auto& [id, attempt] : attempts_)
    if (attempt.due) write(connection, attempt);
}

std::optional<Summaries::Clock::time_point> Summaries::next_due() const {
  std::optional<Clock::time_point> next;
  for (const auto& [id, attempt] : attempts_)
    if (attempt.due && (!next || *attempt.due < *next)) next = attempt.due;
  return next;
}

void Summaries::rebuild(Connection& connection, std::int64_t trial) {
  connection.prepared("DELETE FROM trial_summary WHERE trial_id = ?1")->bind(trial).run();
  Attempt all{.trial = trial, .curves = read(connection, trial, std::nullopt), .due = {}};
  for (auto& [key, curve] : all.curves) curve.changed = true;
  write(connection, all);
}

}  // namespace saddle::db
