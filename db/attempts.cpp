#include <thread>

#include "db/store_impl.hpp"

// The life of an attempt: claimed, spawned, started, ended; and those that were
// still running when their process went away.
namespace saddle::db {
namespace {

std::int64_t trial_of(Connection& connection, std::int64_t attempt) {
  const auto row = connection.prepared("SELECT trial_id, reason FROM attempt WHERE id = ?1");
  if (!row->bind(attempt).step())
    throw Error(ErrorKind::usage, "no attempt " + std::to_string(attempt) + " in this database");
  if (!row->is_null(1))
    throw Error(ErrorKind::usage,
                "attempt " + std::to_string(attempt) + " has ended already (" + row->text(1) + ")");
  return row->integer(0);
}

std::int64_t start_step_of(Connection& connection, std::int64_t attempt) {
  const auto row = connection.prepared("SELECT start_step FROM attempt WHERE id = ?1");
  row->bind(attempt).step();
  return row->integer(0);
}

// What counts of each attempt after one of them turned out to start elsewhere.
void settle_valid_rows(Connection& connection, std::int64_t trial) {
  connection
      .prepared(
          "UPDATE attempt SET valid_until = ifnull((SELECT min(later.start_step) FROM attempt later"
          " WHERE later.trial_id = attempt.trial_id AND later.number > attempt.number), 9223372036854775807)"
          " WHERE trial_id = ?1")
      ->bind(trial)
      .run();
}

struct RunningAttempt {
  std::int64_t id;
  ProcessId process;
};

std::vector<RunningAttempt> running_attempts(Connection& connection) {
  const auto rows =
      connection.prepared("SELECT id, pid, boot_id, proc_start FROM attempt WHERE reason IS NULL");
  std::vector<RunningAttempt> attempts;
  while (rows->step())
    attempts.push_back({rows->integer(0), {rows->integer(1), rows->text(2), rows->integer(3)}});
  return attempts;
}

}  // namespace

Attempt Store::begin_attempt(std::int64_t trial, const AttemptStart& start) {
  return impl_->open_writer().run([&](Connection& connection) {
    const auto claim = connection.prepared(
        "UPDATE trial SET state = 'running', attempts = attempts + 1 WHERE id = ?1 AND state NOT IN ('done', "
        "'running')"
        " RETURNING attempts");
    if (!claim->bind(trial).step())
      throw Error(ErrorKind::usage,
                  "trial " + std::to_string(trial) + " is done, running, or not in this database");
    Attempt attempt{.number = claim->integer(0)};
    claim->reset();

    const ProcessId self = this_process();
    const std::int64_t started_ms = now_ms();
    connection
        .prepared(
            "INSERT INTO attempt (trial_id, number, pid, boot_id, proc_start, host, folder, threads, "
            "start_step, started_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        ->bind(trial, attempt.number, self.pid, self.boot_id, self.start_time, host_name(), start.folder,
               start.threads == 0 ? Value{} : Value{start.threads}, start.start_step, started_ms)
        .run();
    attempt.id = connection.last_id();
    impl_->begun[attempt.id] = {started_ms, std::chrono::steady_clock::now()};
    connection.prepared("UPDATE trial SET last_attempt_id = ?2 WHERE id = ?1")->bind(trial, attempt.id).run();
    settle_valid_rows(connection, trial);
    if (attempt.number > 1) Summaries::rebuild(connection, trial);
    return attempt;
  });
}

void Store::attempt_spawned(std::int64_t attempt, std::int64_t pid, const std::filesystem::path& folder) {
  impl_->open_writer().run([&](Connection& connection) {
    trial_of(connection, attempt);
    const ProcessId process = identify_process(pid);
    connection
        .prepared("UPDATE attempt SET pid = ?2, boot_id = ?3, proc_start = ?4, folder = ?5 WHERE id = ?1")
        ->bind(attempt, process.pid, process.boot_id, process.start_time, folder.string())
        .run();
  });
}

void Store::attempt_started(std::int64_t attempt, const WorkerInfo& worker) {
  impl_->open_writer().run([&](Connection& connection) {
    const std::int64_t trial = trial_of(connection, attempt);
    const bool moved = start_step_of(connection, attempt) != worker.resumed_from_step;
    connection
        .prepared(
            "UPDATE attempt SET libtorch = ?2, isa = ?3, device = ?4, threads = ?5, start_step = ?6 WHERE id "
            "= ?1")
        ->bind(attempt, worker.libtorch, worker.isa, worker.device,
               worker.threads == 0 ? Value{} : Value{worker.threads}, worker.resumed_from_step)
        .run();
    if (moved) {
      settle_valid_rows(connection, trial);
      impl_->writer->summaries().forget(attempt);
      Summaries::rebuild(connection, trial);
    }
    for (const PluginUsed& used : worker.plugins) {
      connection
          .prepared(
              "INSERT OR IGNORE INTO plugin (kind, name, version, file, sha256) VALUES (?1, ?2, ?3, ?4, ?5)")
          ->bind(used.kind, used.name, used.version, used.file, used.sha256)
          .run();
      connection
          .prepared(
              "INSERT OR IGNORE INTO attempt_plugin (attempt_id, plugin_id) SELECT ?1, id FROM plugin"
              " WHERE kind = ?2 AND name = ?3 AND version = ?4 AND file = ?5 AND sha256 = ?6")
          ->bind(attempt, used.kind, used.name, used.version, used.file, used.sha256)
          .run();
    }
  });
}

void end_attempt(Connection& connection, Summaries& summaries, std::int64_t attempt, const AttemptEnd& end,
                 std::optional<std::int64_t> ended_ms) {
  const std::int64_t trial = trial_of(connection, attempt);
  const auto or_null = [](const auto& value) { return value ? Value{std::int64_t{*value}} : Value{}; };
  connection
      .prepared(
          "UPDATE attempt SET reason = ?2, exit_code = ?3, signal = ?4, message = ?5, last_step = ?6, "
          "ended_ms = ?7"
          " WHERE id = ?1")
      ->bind(attempt, to_string(end.reason), or_null(end.exit_code), or_null(end.signal),
             end.message.empty() ? Value{} : Value{end.message},
             end.last_step < 0 ? Value{} : Value{end.last_step}, or_null(ended_ms))
      .run();
  connection.prepared("UPDATE trial SET state = ?2 WHERE id = ?1")
      ->bind(trial, to_string(state_after(end.reason)))
      .run();
  if (summaries.knows(attempt)) {
    summaries.write(connection, attempt);
    summaries.forget(attempt);
  } else {
    Summaries::rebuild(connection, trial);
  }
}

// A clock that is set while an attempt runs does not change how long it took.
std::int64_t Store::Impl::end_of(std::int64_t attempt) {
  const auto known = begun.find(attempt);
  if (known == begun.end()) return now_ms();
  const auto& [started_ms, start] = known->second;
  return started_ms +
         std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start)
             .count();
}

void Store::finish_attempt(std::int64_t attempt, const AttemptEnd& end) {
  Writer& writer = impl_->open_writer();
  writer.run([&](Connection& connection) {
    end_attempt(connection, writer.summaries(), attempt, end, impl_->end_of(attempt));
  });
}

void Store::Impl::mark_lost() {
  // Workers die with their `saddle`, but not in the same instant.
  const auto give_up = std::chrono::steady_clock::now() + options.orphan_wait;
  while (true) {
    std::size_t alive = 0;
    const auto running =
        writer->on_thread([](Connection& connection) { return running_attempts(connection); });
    for (const RunningAttempt& attempt : running) {
      if (is_alive(attempt.process)) {
        ++alive;
        continue;
      }
      writer->run([&](Connection& connection) {
        const std::int64_t trial = trial_of(connection, attempt.id);
        const auto step = connection.prepared("SELECT max(step) FROM metric WHERE attempt_id = ?1");
        step->bind(attempt.id).step();
        const std::int64_t last_step = step->is_null(0) ? -1 : step->integer(0);
        step->reset();
        // When it went is not known, so it has no end time.
        end_attempt(connection, writer->summaries(), attempt.id,
                    {.reason = Reason::lost,
                     .message = "its process was gone when the database was opened",
                     .last_step = last_step},
                    std::nullopt);
        insert_event(connection, {.type = "lost",
                                  .message = "process " + std::to_string(attempt.process.pid) + " is gone",
                                  .trial = trial,
                                  .attempt = attempt.id});
      });
    }
    const std::size_t lost = running.size() - alive;
    if (lost > 0 && options.notice)
      options.notice(std::to_string(lost) + (lost == 1 ? " attempt was" : " attempts were") +
                     " cut off without a word; `saddle resume` goes on from the last checkpoint");
    if (alive == 0) return;
    if (std::chrono::steady_clock::now() >= give_up) {
      if (options.notice)
        options.notice(std::to_string(alive) +
                       " trials are still run by processes of an earlier `saddle`; left to them");
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<Checkpoint> Store::checkpoints(std::int64_t trial) {
  return impl_->open_writer().on_thread([&](Connection& connection) {
    // One past valid_until leads nowhere: a later attempt has trained it anew.
    const auto rows = connection.prepared(
        "SELECT a.id, a.folder, f.path, f.step, f.sha256 FROM attempt a JOIN artifact f ON f.attempt_id = "
        "a.id"
        " WHERE a.trial_id = ?1 AND f.kind = 'checkpoint' AND f.step <= a.valid_until ORDER BY f.step DESC, "
        "a.number DESC");
    rows->bind(trial);
    std::vector<Checkpoint> found;
    while (rows->step())
      found.push_back({.attempt = rows->integer(0),
                       .path = std::filesystem::path(rows->text(1)) / rows->text(2),
                       .step = rows->integer(3),
                       .sha256 = rows->text(4)});
    return found;
  });
}

std::int64_t Store::metric_key(const std::string& name, const std::string& protocol_json) {
  const std::lock_guard lock(impl_->keys_mutex);
  const auto key = std::make_pair(name, protocol_json);
  const auto found = impl_->keys.find(key);
  if (found != impl_->keys.end()) return found->second;
  // Not synced: a power cut takes the key only together with the rows after it.
  const std::int64_t id = impl_->open_writer().run(
      [&](Connection& connection) {
        connection.prepared("INSERT OR IGNORE INTO metric_key (name, protocol) VALUES (?1, ?2)")
            ->bind(name, protocol_json)
            .run();
        const auto row = connection.prepared("SELECT id FROM metric_key WHERE name = ?1 AND protocol = ?2");
        row->bind(name, protocol_json).step();
        return row->integer(0);
      },
      false);
  impl_->keys.emplace(key, id);
  return id;
}

}  // namespace saddle::db
