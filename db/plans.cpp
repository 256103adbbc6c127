#include <charconv>

#include "db/store_impl.hpp"

// Experiments and their plans.
namespace saddle::db {
namespace {

constexpr std::string_view kExperimentColumns =
    "SELECT id, name, spec, spec_sha256, file, git_commit, git_dirty, created_ms FROM experiment ";

ExperimentInfo read_experiment(const Statement& row) {
  return {.id = row.integer(0),
          .name = row.text(1),
          .spec_text = row.text(2),
          .spec_sha256 = row.text(3),
          .file = row.text(4),
          .git_commit = row.text(5),
          .git_dirty = row.integer(6) != 0,
          .created_ms = row.integer(7)};
}

std::optional<TrialState> state_from(std::string_view text) {
  for (const TrialState state :
       {TrialState::planned, TrialState::running, TrialState::done, TrialState::pruned, TrialState::paused,
        TrialState::failed, TrialState::stopped})
    if (to_string(state) == text) return state;
  return std::nullopt;
}

std::int64_t path_id(Connection& connection, const std::string& path) {
  connection.prepared("INSERT OR IGNORE INTO path (path) VALUES (?1)")->bind(path).run();
  const auto row = connection.prepared("SELECT id FROM path WHERE path = ?1");
  row->bind(path).step();
  return row->integer(0);
}

// The row of this config, which the seeds of one config share. Two configs of one
// hash may differ in what identity leaves out (record, checkpoint).
std::int64_t config_id(Connection& connection, const PlannedTrial& plan) {
  {
    const auto find = connection.prepared(
        "SELECT c.id FROM trial t JOIN config c ON c.id = t.config_id WHERE t.config_hash = ?1 AND c.text = "
        "?2 LIMIT 1");
    if (find->bind(plan.config_hash, plan.config_json).step()) return find->integer(0);
  }
  connection.prepared("INSERT INTO config (text) VALUES (?1)")->bind(plan.config_json).run();
  const std::int64_t id = connection.last_id();
  const auto insert =
      connection.prepared("INSERT INTO param (config_id, path_id, type, value) VALUES (?1, ?2, ?3, ?4)");
  for (const Param& param : plan.params.empty() ? flatten_config(plan.config_json) : plan.params)
    insert->bind(id, path_id(connection, param.path), param.type, param.value).run();
  return id;
}

// Of a trial that has no result yet: what identity leaves out is as the new plan
// has it. A config that no trial has any more goes.
void replace_config(Connection& connection, std::int64_t trial, const PlannedTrial& plan) {
  const std::int64_t now = config_id(connection, plan);
  std::int64_t before = 0;
  {
    const auto row = connection.prepared("SELECT config_id FROM trial WHERE id = ?1");
    row->bind(trial).step();
    before = row->integer(0);
  }
  if (now == before) return;
  connection.prepared("UPDATE trial SET config_id = ?2 WHERE id = ?1")->bind(trial, now).run();
  drop_unused_config(connection, before);
}

// The trial's id; counts what it was.
std::int64_t store_trial(Connection& connection, std::int64_t experiment, const PlannedTrial& plan,
                         PlanCounts& counts) {
  std::int64_t id = 0;
  TrialState state = TrialState::planned;
  {
    const auto find = connection.prepared("SELECT id, state FROM trial WHERE trial_hash = ?1");
    if (find->bind(plan.trial_hash).step()) {
      id = find->integer(0);
      state = state_from(find->text(1)).value();
    }
  }
  if (id == 0) {
    ++counts.planned;
    connection
        .prepared(
            "INSERT INTO trial (experiment_id, name, config_hash, trial_hash, seed, config_id, state)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'planned')")
        ->bind(experiment, plan.name, plan.config_hash, plan.trial_hash, plan.seed,
               config_id(connection, plan))
        .run();
    return connection.last_id();
  }
  if (state == TrialState::done) {
    ++counts.done;
    return id;
  }
  ++counts.known;
  if (state != TrialState::running) replace_config(connection, id, plan);
  return id;
}

std::vector<TrialInfo> read_trials(Connection& connection, std::int64_t experiment,
                                   std::string_view condition) {
  const auto rows = connection.prepared(
      "SELECT t.id, x.name, x.ordinal, t.config_hash, t.trial_hash, t.seed, c.text, t.state, a.reason, "
      "a.message,"
      " t.attempts, ifnull(a.last_step, -1), t.last_attempt_id"
      " FROM experiment_trial x JOIN trial t ON t.id = x.trial_id JOIN config c ON c.id = t.config_id"
      " LEFT JOIN attempt a ON a.id = t.last_attempt_id"
      " WHERE x.experiment_id = ?1 " +
      std::string(condition) + " ORDER BY x.ordinal, t.id");
  rows->bind(experiment);
  std::vector<TrialInfo> trials;
  while (rows->step())
    trials.push_back({.id = rows->integer(0),
                      .name = rows->text(1),
                      .ordinal = rows->integer(2),
                      .config_hash = rows->text(3),
                      .trial_hash = rows->text(4),
                      .seed = rows->integer(5),
                      .config_json = rows->text(6),
                      .state = state_from(rows->text(7)).value(),
                      .reason = reason_from(rows->text(8)),
                      .message = rows->text(9),
                      .attempts = rows->integer(10),
                      .last_step = rows->integer(11),
                      .last_attempt = rows->integer(12)});
  return trials;
}

}  // namespace

void drop_unused_config(Connection& connection, std::int64_t config) {
  {
    const auto used = connection.prepared("SELECT 1 FROM trial WHERE config_id = ?1 LIMIT 1");
    if (used->bind(config).step()) return;
  }
  connection.prepared("DELETE FROM param WHERE config_id = ?1")->bind(config).run();
  connection.prepared("DELETE FROM config WHERE id = ?1")->bind(config).run();
}

std::string_view to_string(TrialState state) {
  switch (state) {
    case TrialState::planned:
      return "planned";
    case TrialState::running:
      return "running";
    case TrialState::done:
      return "done";
    case TrialState::pruned:
      return "pruned";
    case TrialState::paused:
      return "paused";
    case TrialState::failed:
      return "failed";
    case TrialState::stopped:
      return "stopped";
  }
  return "";
}

std::int64_t Store::add_experiment(const NewExperiment& experiment) {
  return impl_->open_writer().run([&](Connection& connection) {
    const auto upsert = connection.prepared(
        "INSERT INTO experiment (name, spec, spec_sha256, file, git_commit, git_dirty, created_ms, used_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, max(?7, (SELECT ifnull(max(used_ms), 0) + 1 FROM experiment)))"
        " ON CONFLICT (name, spec_sha256) DO UPDATE SET used_ms = excluded.used_ms RETURNING id");
    upsert->bind(experiment.name, experiment.spec_text, experiment.spec_sha256, experiment.file,
                 experiment.git_commit, experiment.git_dirty, now_ms());
    upsert->step();
    return upsert->integer(0);
  });
}

PlanCounts Store::freeze_plan(std::int64_t experiment, const std::vector<PlannedTrial>& trials) {
  return impl_->open_writer().run([&](Connection& connection) {
    PlanCounts counts;
    for (const PlannedTrial& plan : trials) {
      const std::int64_t trial = store_trial(connection, experiment, plan, counts);
      connection
          .prepared(
              "INSERT INTO experiment_trial (experiment_id, trial_id, ordinal, name) VALUES (?1, ?2, ?3, ?4)"
              " ON CONFLICT DO UPDATE SET ordinal = excluded.ordinal, name = excluded.name")
          ->bind(experiment, trial, plan.ordinal, plan.name)
          .run();
    }
    insert_event(connection,
                 {.type = "planned",
                  .message = std::to_string(counts.planned) + " new, " + std::to_string(counts.known) +
                             " known without a result, " + std::to_string(counts.done) + " done",
                  .experiment = experiment});
    return counts;
  });
}

std::optional<ExperimentInfo> Store::find_experiment(std::string_view name_or_id) {
  return impl_->open_writer().on_thread([&](Connection& connection) -> std::optional<ExperimentInfo> {
    // A name first: an experiment may be called "7".
    const auto by_name = connection.prepared(std::string(kExperimentColumns) +
                                             "WHERE name = ?1 ORDER BY used_ms DESC, id DESC LIMIT 1");
    if (by_name->bind(name_or_id).step()) return read_experiment(*by_name.operator->());
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(name_or_id.data(), name_or_id.data() + name_or_id.size(), id);
    if (error != std::errc() || end != name_or_id.data() + name_or_id.size()) return std::nullopt;
    const auto by_id = connection.prepared(std::string(kExperimentColumns) + "WHERE id = ?1");
    if (by_id->bind(id).step()) return read_experiment(*by_id.operator->());
    return std::nullopt;
  });
}

std::optional<ExperimentInfo> Store::latest_experiment() {
  return impl_->open_writer().on_thread([&](Connection& connection) -> std::optional<ExperimentInfo> {
    const auto row =
        connection.prepared(std::string(kExperimentColumns) + "ORDER BY used_ms DESC, id DESC LIMIT 1");
    if (row->step()) return read_experiment(*row.operator->());
    return std::nullopt;
  });
}

std::vector<TrialInfo> Store::trials(std::int64_t experiment) {
  return impl_->open_writer().on_thread(
      [&](Connection& connection) { return read_trials(connection, experiment, ""); });
}

std::vector<TrialInfo> Store::trials_to_run(std::int64_t experiment, bool pruned_too) {
  return impl_->open_writer().on_thread([&](Connection& connection) {
    return read_trials(connection, experiment,
                       pruned_too ? "AND t.state NOT IN ('done', 'running')"
                                  : "AND t.state NOT IN ('done', 'running', 'pruned')");
  });
}

}  // namespace saddle::db
