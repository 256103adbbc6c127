#include <cmath>

#include "db/store_impl.hpp"

// What is measured of a trial after it was trained.
namespace saddle::db {
namespace {

struct Ended {
  std::int64_t trial = 0, start_step = -1, valid_until = 0;
};

Ended ended_attempt(Connection& connection, std::int64_t attempt) {
  const auto row =
      connection.prepared("SELECT trial_id, start_step, valid_until, reason FROM attempt WHERE id = ?1");
  if (!row->bind(attempt).step())
    throw Error(ErrorKind::usage, "no attempt " + std::to_string(attempt) + " in this database");
  if (row->is_null(3))
    throw Error(ErrorKind::usage,
                "attempt " + std::to_string(attempt) + " still runs; what it measures is its own");
  return {row->integer(0), row->integer(1), row->integer(2)};
}

}  // namespace

std::size_t Store::add_evaluations(std::int64_t attempt, const std::vector<Evaluation>& rows) {
  return impl_->open_writer().run([&](Connection& connection) {
    const Ended ended = ended_attempt(connection, attempt);
    std::size_t added = 0;
    for (const Evaluation& row : rows) {
      if (row.step > ended.valid_until || (ended.start_step >= 0 && row.step <= ended.start_step))
        throw Error(ErrorKind::usage, "step " + std::to_string(row.step) + " of attempt " +
                                          std::to_string(attempt) +
                                          " counts no more: a later one went over it");
      connection.prepared("INSERT OR IGNORE INTO metric_key (name, protocol) VALUES (?1, ?2)")
          ->bind(row.name, row.protocol)
          .run();
      const int kind = std::isnan(row.value) ? 1 : std::isinf(row.value) ? (row.value > 0 ? 2 : 3) : 0;
      connection
          .prepared(
              "INSERT OR IGNORE INTO metric (attempt_id, key_id, step, value, kind)"
              " SELECT ?1, id, ?4, ?5, ?6 FROM metric_key WHERE name = ?2 AND protocol = ?3")
          ->bind(attempt, row.name, row.protocol, row.step, kind == 1 ? Value{} : Value{row.value}, kind)
          .run();
      added += static_cast<std::size_t>(sqlite3_changes(connection.raw()));
    }
    if (added > 0) {
      Summaries::rebuild(connection, ended.trial);
      insert_event(connection, {.type = "evaluated",
                                .message = std::to_string(added) + " values measured after training",
                                .trial = ended.trial,
                                .attempt = attempt});
    }
    return added;
  });
}

}  // namespace saddle::db
