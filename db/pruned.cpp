#include "db/store_impl.hpp"

// A trial that was paused and will not go on.
namespace saddle::db {

void Store::prune_stopped(std::int64_t trial, const std::string& message) {
  impl_->open_writer().run([&](Connection& connection) {
    const auto attempt = connection.prepared(
        "UPDATE attempt SET reason = 'pruned', message = ?2 WHERE reason NOT IN ('ok', 'diverged')"
        " AND id = (SELECT last_attempt_id FROM trial WHERE id = ?1) RETURNING id");
    if (!attempt->bind(trial, message).step())
      throw Error(ErrorKind::usage, "trial " + std::to_string(trial) + " runs, is done, or was never begun");
    connection.prepared("UPDATE trial SET state = 'pruned' WHERE id = ?1")->bind(trial).run();
  });
}

}  // namespace saddle::db
