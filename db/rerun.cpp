#include "db/store_impl.hpp"

// Results that are made anew although there are some.
namespace saddle::db {

void Store::run_again(const std::vector<std::int64_t>& trials, const std::string& why) {
  impl_->open_writer().run([&](Connection& connection) {
    for (const std::int64_t trial : trials) {
      {
        const auto planned = connection.prepared(
            "UPDATE trial SET state = 'planned' WHERE id = ?1 AND state = 'done' RETURNING id");
        if (!planned->bind(trial).step())
          throw Error(ErrorKind::usage, "trial " + std::to_string(trial) + " has no result to be made again");
      }
      // Nothing of the attempts before counts any more: no step is up to -1.
      connection.prepared("UPDATE attempt SET valid_until = -1 WHERE trial_id = ?1")->bind(trial).run();
      connection.prepared("DELETE FROM trial_summary WHERE trial_id = ?1")->bind(trial).run();
      insert_event(connection, {.type = "run_again", .message = why, .trial = trial});
    }
    return 0;
  });
}

}  // namespace saddle::db
