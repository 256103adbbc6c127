#include "db/store_impl.hpp"

// Trials and experiments that are to be forgotten.
namespace saddle::db {
namespace {

// Of one trial that belongs to no experiment any more; `last` was the last that had it.
void remove_trial(Connection& connection, std::int64_t last, std::int64_t trial, Removed& removed) {
  std::int64_t config = 0;
  Event event{.type = "remove", .experiment = last};
  {
    const auto row =
        connection.prepared("SELECT config_id, state, name, trial_hash FROM trial WHERE id = ?1");
    if (!row->bind(trial).step()) return;
    config = row->integer(0);
    if (row->text(1) == "running")
      throw Error(ErrorKind::usage, "trial " + row->text(2) + " is running; nothing was removed");
    event.message = row->text(2);
    event.data = "{\"trial_hash\":\"" + row->text(3) + "\"}";
  }
  {
    const auto folders =
        connection.prepared("SELECT number, folder FROM attempt WHERE trial_id = ?1 AND folder <> ''");
    folders->bind(trial);
    while (folders->step()) removed.folders.push_back({folders->integer(0), folders->text(1)});
  }
  const auto remove = [&](const char* sql) {
    connection.prepared(sql)->bind(trial).run();
    return connection.changes();
  };
  constexpr const char* kFromAttempts[] = {
      "DELETE FROM metric WHERE attempt_id IN (SELECT id FROM attempt WHERE trial_id = ?1)",
      "DELETE FROM artifact WHERE attempt_id IN (SELECT id FROM attempt WHERE trial_id = ?1)",
      "DELETE FROM attempt_plugin WHERE attempt_id IN (SELECT id FROM attempt WHERE trial_id = ?1)"};
  removed.values += remove(kFromAttempts[0]);
  removed.artifacts += remove(kFromAttempts[1]);
  remove(kFromAttempts[2]);
  remove("DELETE FROM trial_summary WHERE trial_id = ?1");
  remove("DELETE FROM event WHERE trial_id = ?1");
  remove("UPDATE trial SET last_attempt_id = NULL WHERE id = ?1");
  remove("DELETE FROM attempt WHERE trial_id = ?1");
  removed.trials += remove("DELETE FROM trial WHERE id = ?1");
  drop_unused_config(connection, config);
  insert_event(connection, event);
}

// Takes a trial out of an experiment; it stays while another one has it.
void leave(Connection& connection, std::int64_t experiment, std::int64_t trial, Removed& removed) {
  connection.prepared("DELETE FROM experiment_trial WHERE experiment_id = ?1 AND trial_id = ?2")
      ->bind(experiment, trial)
      .run();
  std::int64_t other = 0;
  {
    const auto row =
        connection.prepared("SELECT min(experiment_id) FROM experiment_trial WHERE trial_id = ?1");
    row->bind(trial).step();
    other = row->integer(0);
  }
  if (other == 0) return remove_trial(connection, experiment, trial, removed);
  ++removed.shared;
  connection.prepared("UPDATE trial SET experiment_id = ?3 WHERE id = ?2 AND experiment_id = ?1")
      ->bind(experiment, trial, other)
      .run();
}

}  // namespace

Removed Store::remove(const std::vector<Membership>& members, const std::vector<std::int64_t>& experiments) {
  return impl_->open_writer().run([&](Connection& connection) {
    Removed removed;
    std::vector<Membership> all = members;
    for (const std::int64_t experiment : experiments) {
      const auto trials =
          connection.prepared("SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1");
      trials->bind(experiment);
      while (trials->step()) all.push_back({experiment, trials->integer(0)});
    }
    for (const Membership& member : all) leave(connection, member.experiment, member.trial, removed);
    for (const std::int64_t experiment : experiments) {
      connection.prepared("DELETE FROM event WHERE experiment_id = ?1")->bind(experiment).run();
      connection.prepared("DELETE FROM experiment WHERE id = ?1")->bind(experiment).run();
      removed.experiments += connection.changes();
    }
    return removed;
  });
}

void Store::compact() {
  impl_->open_writer().on_thread([](Connection& connection) {
    connection.execute("VACUUM");
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  });
}

}  // namespace saddle::db
