#include <map>
#include <string_view>

#include "db/migrate.hpp"
#include "db/store_impl.hpp"
#include "db/uri.hpp"

// Another database's trials, attempts and all that hangs on them, taken over into this one. What a thing is
// called differs from file to file; what it is tells its content: a trial by its hash, an attempt by the
// machine's boot and the time of its start.
namespace saddle::db {
namespace {

// From the other file's numbers to ours. Kept as long as the connection; filled anew by every merge.
constexpr const char* kMaps = R"sql(
CREATE TEMP TABLE IF NOT EXISTS only_trial (hash TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS of_experiment (old INTEGER PRIMARY KEY, new INTEGER, fresh INTEGER);
CREATE TEMP TABLE IF NOT EXISTS of_config (old INTEGER PRIMARY KEY, new INTEGER, fresh INTEGER);
-- open: it may take over attempts; one that is done here stays as it is.
CREATE TEMP TABLE IF NOT EXISTS of_trial (old INTEGER PRIMARY KEY, new INTEGER, fresh INTEGER, open INTEGER);
-- fresh: not known here; otherwise what is known of it gives way.
CREATE TEMP TABLE IF NOT EXISTS of_attempt (
  old INTEGER PRIMARY KEY, new INTEGER, trial INTEGER, fresh INTEGER, folder TEXT);
CREATE TEMP TABLE IF NOT EXISTS of_key (old INTEGER PRIMARY KEY, new INTEGER);
-- key: the other file's
CREATE TEMP TABLE IF NOT EXISTS of_evaluation (
  old INTEGER, new INTEGER, trial INTEGER, key INTEGER, name TEXT, protocol TEXT);
DELETE FROM of_evaluation;
DELETE FROM only_trial; DELETE FROM of_experiment; DELETE FROM of_config; DELETE FROM of_trial;
DELETE FROM of_attempt; DELETE FROM of_key;
)sql";

// Experiments with their members; trials that are not here yet, with their configs. Where trials are named
// (only_trial), those that are here belong to what they belong to here: `rm` may have taken them out of the
// rest.
constexpr const char* kPlans = R"sql(
INSERT INTO of_trial
SELECT s.id, ifnull(t.id, s.id + (SELECT ifnull(max(id), 0) FROM main.trial)), t.id IS NULL,
       t.id IS NULL OR t.state NOT IN ('done', 'running')
  FROM shard.trial s LEFT JOIN main.trial t ON t.trial_hash = s.trial_hash
 WHERE NOT EXISTS (SELECT 1 FROM only_trial) OR s.trial_hash IN (SELECT hash FROM only_trial);

INSERT INTO of_experiment
SELECT s.id, ifnull(e.id, s.id + (SELECT ifnull(max(id), 0) FROM main.experiment)), e.id IS NULL
  FROM shard.experiment s LEFT JOIN main.experiment e ON e.name = s.name AND e.spec_sha256 = s.spec_sha256
 WHERE s.id IN (SELECT experiment_id FROM shard.experiment_trial WHERE trial_id IN (SELECT old FROM of_trial)
                UNION SELECT experiment_id FROM shard.trial WHERE id IN (SELECT old FROM of_trial))
   AND (e.id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM only_trial) OR s.id IN (
     SELECT experiment_id FROM shard.experiment_trial WHERE trial_id IN (SELECT old FROM of_trial WHERE fresh)
     UNION SELECT experiment_id FROM shard.trial WHERE id IN (SELECT old FROM of_trial WHERE fresh)));
INSERT INTO main.experiment (id, name, spec, spec_sha256, file, git_commit, git_dirty, created_ms, used_ms)
SELECT m.new, s.name, s.spec, s.spec_sha256, s.file, s.git_commit, s.git_dirty, s.created_ms, s.used_ms
  FROM of_experiment m JOIN shard.experiment s ON s.id = m.old WHERE m.fresh;

INSERT INTO of_config
SELECT n.config_id, ifnull(n.known, n.config_id + (SELECT ifnull(max(id), 0) FROM main.config)), n.known IS NULL
  FROM (SELECT s.config_id,
               (SELECT c.id FROM main.trial t JOIN main.config c ON c.id = t.config_id
                 WHERE t.config_hash = s.config_hash AND c.text = o.text LIMIT 1) AS known
          FROM of_trial m JOIN shard.trial s ON s.id = m.old JOIN shard.config o ON o.id = s.config_id
         WHERE m.fresh GROUP BY s.config_id) n;
INSERT INTO main.config (id, text)
SELECT m.new, s.text FROM of_config m JOIN shard.config s ON s.id = m.old WHERE m.fresh;
INSERT OR IGNORE INTO main.path (path)
SELECT DISTINCT h.path FROM of_config m JOIN shard.param p ON p.config_id = m.old
  JOIN shard.path h ON h.id = p.path_id WHERE m.fresh;
INSERT INTO main.param (config_id, path_id, type, value)
SELECT m.new, o.id, p.type, p.value
  FROM of_config m JOIN shard.param p ON p.config_id = m.old
  JOIN shard.path h ON h.id = p.path_id JOIN main.path o ON o.path = h.path WHERE m.fresh;

INSERT INTO main.trial (id, experiment_id, name, config_hash, trial_hash, seed, config_id, state)
SELECT m.new, e.new, s.name, s.config_hash, s.trial_hash, s.seed, c.new, 'planned'
  FROM of_trial m JOIN shard.trial s ON s.id = m.old JOIN of_experiment e ON e.old = s.experiment_id
  JOIN of_config c ON c.old = s.config_id WHERE m.fresh;
INSERT OR IGNORE INTO main.experiment_trial (experiment_id, trial_id, ordinal, name)
SELECT e.new, m.new, x.ordinal, x.name
  FROM of_trial m JOIN shard.experiment_trial x ON x.trial_id = m.old JOIN of_experiment e ON e.old = x.experiment_id
 WHERE m.fresh OR NOT EXISTS (SELECT 1 FROM only_trial);
)sql";

// An attempt is here already: does the other file know more of it? How final its word is: it runs or is gone;
// may go on; has ended. Of one that is not known to have ended, a later copy has more rows or a newer
// checkpoint.
constexpr const char* kAttempts = R"sql(
INSERT INTO of_attempt
SELECT s.id, ifnull(a.id, s.id + (SELECT ifnull(max(id), 0) FROM main.attempt)), m.new, a.id IS NULL, s.folder
  FROM of_trial m JOIN shard.attempt s ON s.trial_id = m.old
  LEFT JOIN main.attempt a ON a.trial_id = m.new AND a.boot_id = s.boot_id AND a.started_ms = s.started_ms
 WHERE m.open AND CASE
   WHEN a.id IS NULL THEN 1
   WHEN ifnull(a.reason, 'lost') <> 'lost' THEN
     a.reason IN ('cancelled', 'paused') AND s.reason NOT IN ('lost', 'cancelled', 'paused')
   WHEN ifnull(s.reason, 'lost') <> 'lost' THEN 1
   ELSE (SELECT count(*) FROM shard.metric r WHERE r.attempt_id = s.id)
          > (SELECT count(*) FROM main.metric r WHERE r.attempt_id = a.id)
     OR (SELECT max(f.created_ms) FROM shard.artifact f WHERE f.attempt_id = s.id)
          > (SELECT ifnull(max(f.created_ms), 0) FROM main.artifact f WHERE f.attempt_id = a.id)
   END;
)sql";

// One that ran when the other file was written is as good as lost: if it is not, a later copy says so.
constexpr const char* kRows = R"sql(
-- What was measured here after training stays: under keys that the other file does not have of it.
DELETE FROM main.metric WHERE (attempt_id, key_id) IN (
  SELECT m.new, o.id FROM of_attempt m CROSS JOIN shard.metric_key k CROSS JOIN main.metric_key o USING (name, protocol)
   WHERE NOT m.fresh AND EXISTS (SELECT 1 FROM shard.metric r WHERE r.attempt_id = m.old AND r.key_id = k.id));
DELETE FROM main.artifact WHERE attempt_id IN (SELECT new FROM of_attempt WHERE NOT fresh);
DELETE FROM main.attempt_plugin WHERE attempt_id IN (SELECT new FROM of_attempt WHERE NOT fresh);
DELETE FROM main.event WHERE attempt_id IN (SELECT new FROM of_attempt WHERE NOT fresh);

INSERT INTO main.attempt (id, trial_id, number, pid, boot_id, proc_start, host, folder, threads, libtorch, isa, device,
                          start_step, valid_until, started_ms, ended_ms, reason, exit_code, signal, message, last_step,
                          step, steps, steps_per_second, told_ms, first_step_ms)
SELECT m.new, m.trial,
       (SELECT ifnull(max(b.number), 0) FROM main.attempt b WHERE b.trial_id = m.trial)
         + row_number() OVER (PARTITION BY m.trial ORDER BY s.number),
       s.pid, s.boot_id, s.proc_start, s.host, m.folder, s.threads, s.libtorch, s.isa, s.device,
       s.start_step, s.valid_until, s.started_ms, s.ended_ms, ifnull(s.reason, 'lost'), s.exit_code, s.signal,
       CASE WHEN s.reason IS NULL THEN 'it ran when the file that was merged was written' ELSE s.message END,
       CASE WHEN s.reason IS NULL THEN (SELECT max(r.step) FROM shard.metric r WHERE r.attempt_id = s.id)
            ELSE s.last_step END,
       s.step, s.steps, s.steps_per_second, s.told_ms, s.first_step_ms
  FROM of_attempt m JOIN shard.attempt s ON s.id = m.old WHERE m.fresh;
UPDATE main.attempt SET (pid, proc_start, host, folder, threads, libtorch, isa, device, start_step, ended_ms, reason,
                         exit_code, signal, message, last_step, step, steps, steps_per_second, told_ms, first_step_ms)
  = (SELECT s.pid, s.proc_start, s.host, m.folder, s.threads, s.libtorch, s.isa, s.device, s.start_step, s.ended_ms,
            ifnull(s.reason, 'lost'), s.exit_code, s.signal,
            CASE WHEN s.reason IS NULL THEN 'it ran when the file that was merged was written' ELSE s.message END,
            CASE WHEN s.reason IS NULL THEN (SELECT max(r.step) FROM shard.metric r WHERE r.attempt_id = s.id)
                 ELSE s.last_step END,
            s.step, s.steps, s.steps_per_second, s.told_ms, s.first_step_ms
       FROM of_attempt m JOIN shard.attempt s ON s.id = m.old WHERE m.new = main.attempt.id)
 WHERE id IN (SELECT new FROM of_attempt WHERE NOT fresh);

INSERT OR IGNORE INTO main.metric_key (name, protocol)
SELECT name, protocol FROM shard.metric_key
 WHERE EXISTS (SELECT 1 FROM of_attempt m JOIN shard.metric r ON r.attempt_id = m.old AND r.key_id = metric_key.id);
INSERT INTO of_key
SELECT s.id, k.id FROM shard.metric_key s JOIN main.metric_key k ON k.name = s.name AND k.protocol = s.protocol;
-- In this order every row comes after the one before, in both files.
INSERT INTO main.metric (attempt_id, key_id, step, value, kind)
SELECT m.new, k.new, r.step, r.value, r.kind
  FROM (SELECT new, old FROM of_attempt ORDER BY new) m CROSS JOIN (SELECT new, old FROM of_key ORDER BY new) k
 CROSS JOIN shard.metric r WHERE r.attempt_id = m.old AND r.key_id = k.old;

INSERT INTO main.artifact (attempt_id, kind, name, step, path, sha256, bytes, media_type, created_ms)
SELECT m.new, f.kind, f.name, f.step, f.path, f.sha256, f.bytes, f.media_type, f.created_ms
  FROM of_attempt m JOIN shard.artifact f ON f.attempt_id = m.old ORDER BY f.id;

INSERT OR IGNORE INTO main.plugin (kind, name, version, file, sha256)
SELECT DISTINCT p.kind, p.name, p.version, p.file, p.sha256
  FROM of_attempt m JOIN shard.attempt_plugin u ON u.attempt_id = m.old JOIN shard.plugin p ON p.id = u.plugin_id;
INSERT INTO main.attempt_plugin (attempt_id, plugin_id)
SELECT m.new, o.id
  FROM of_attempt m JOIN shard.attempt_plugin u ON u.attempt_id = m.old JOIN shard.plugin p ON p.id = u.plugin_id
  JOIN main.plugin o ON o.kind = p.kind AND o.name = p.name AND o.version = p.version AND o.file = p.file
       AND o.sha256 = p.sha256;
)sql";

// Of an attempt with it; of a trial or of nothing in particular if it is not here yet; of an experiment if
// that is new.
constexpr const char* kEvents = R"sql(
INSERT INTO main.event (time_ms, experiment_id, trial_id, attempt_id, type, message, data)
SELECT v.time_ms, e.new, t.new, a.new, v.type, v.message,
       CASE WHEN json_valid(v.data) AND v.data ->> '$.experiment_id' = v.experiment_id
            THEN json_set(v.data, '$.experiment_id', e.new) ELSE v.data END
  FROM shard.event v
  LEFT JOIN of_experiment e ON e.old = v.experiment_id
  LEFT JOIN of_trial t ON t.old = v.trial_id
  LEFT JOIN of_attempt a ON a.old = v.attempt_id
 WHERE CASE
   WHEN v.attempt_id IS NOT NULL THEN a.new IS NOT NULL
   WHEN v.trial_id IS NOT NULL THEN t.open AND NOT EXISTS (
     SELECT 1 FROM main.event o WHERE o.trial_id = t.new AND o.attempt_id IS NULL AND o.time_ms = v.time_ms
                                  AND o.type = v.type AND o.message = v.message)
   WHEN v.experiment_id IS NOT NULL THEN e.fresh
   ELSE NOT EXISTS (SELECT 1 FROM only_trial) AND NOT EXISTS (
     SELECT 1 FROM main.event o WHERE o.experiment_id IS NULL AND o.trial_id IS NULL AND o.attempt_id IS NULL
                                  AND o.time_ms = v.time_ms AND o.type = v.type AND o.message = v.message)
   END
 ORDER BY v.id;
)sql";

// What counts of each attempt, as begin_attempt says it. A result that was given up (run_again) stays given
// up.
constexpr const char* kSettle = R"sql(
UPDATE main.attempt SET valid_until = ifnull(
    (SELECT min(later.start_step) FROM main.attempt later
      WHERE later.trial_id = attempt.trial_id AND later.number > attempt.number), 9223372036854775807)
 WHERE trial_id IN (SELECT trial FROM of_attempt) AND NOT (valid_until < 0 AND reason IN ('ok', 'diverged'));
UPDATE main.trial SET
  attempts = (SELECT max(number) FROM main.attempt a WHERE a.trial_id = trial.id),
  last_attempt_id = (SELECT id FROM main.attempt a WHERE a.trial_id = trial.id
                      ORDER BY a.reason IN ('ok', 'diverged') AND a.valid_until >= 0 DESC, a.number DESC LIMIT 1)
 WHERE id IN (SELECT trial FROM of_attempt);
)sql";

// A curve's summary is the other file's where the trial has nothing but what comes from there.
constexpr const char* kSummaries = R"sql(
DELETE FROM main.trial_summary WHERE trial_id IN (SELECT trial FROM of_attempt);
INSERT INTO main.trial_summary (trial_id, key_id, last, last_kind, last_step, min, argmin, max, argmax, n, n_nan)
SELECT t.new, k.new, y.last, y.last_kind, y.last_step, y.min, y.argmin, y.max, y.argmax, y.n, y.n_nan
  FROM of_trial t JOIN shard.trial_summary y ON y.trial_id = t.old JOIN of_key k ON k.old = y.key_id
 WHERE t.new IN (SELECT trial FROM of_attempt) AND NOT EXISTS (
   SELECT 1 FROM main.attempt a LEFT JOIN of_attempt m ON m.new = a.id LEFT JOIN shard.attempt s ON s.id = m.old
    WHERE a.trial_id = t.new AND (m.fresh IS NOT 1 OR s.reason IS NULL));
)sql";

// Measured after training there, of an attempt that has ended in both files: keys under a protocol of which
// it has no row here. CROSS JOIN keeps the order of the tables: in another one all metrics are read, which
// took 20 s for 64 shards merged twice.
constexpr const char* kEvaluations = R"sql(
INSERT INTO of_evaluation
SELECT s.id, a.id, a.trial_id, k.id, k.name, k.protocol
  FROM of_trial m CROSS JOIN shard.attempt s ON s.trial_id = m.old
 CROSS JOIN main.attempt a ON a.trial_id = m.new AND a.boot_id = s.boot_id AND a.started_ms = s.started_ms
 CROSS JOIN shard.metric_key k
 WHERE s.reason IS NOT NULL AND a.reason IS NOT NULL AND k.protocol <> ''
   AND NOT EXISTS (SELECT 1 FROM of_attempt o WHERE o.old = s.id)
   AND EXISTS (SELECT 1 FROM shard.metric r WHERE r.attempt_id = s.id AND r.key_id = k.id)
   AND NOT EXISTS (SELECT 1 FROM main.metric_key o CROSS JOIN main.metric r ON r.attempt_id = a.id AND r.key_id = o.id
                    WHERE o.name = k.name AND o.protocol = k.protocol);
INSERT OR IGNORE INTO main.metric_key (name, protocol) SELECT name, protocol FROM of_evaluation;
INSERT INTO main.metric (attempt_id, key_id, step, value, kind)
SELECT e.new, o.id, r.step, r.value, r.kind
  FROM of_evaluation e CROSS JOIN main.metric_key o ON o.name = e.name AND o.protocol = e.protocol
 CROSS JOIN shard.metric r ON r.attempt_id = e.old AND r.key_id = e.key;
)sql";

constexpr std::string_view kToRebuild =
    "SELECT DISTINCT m.trial FROM temp.of_attempt m WHERE EXISTS ("
    " SELECT 1 FROM main.attempt a LEFT JOIN temp.of_attempt o ON o.new = a.id"
    "   LEFT JOIN shard.attempt s ON s.id = o.old"
    "  WHERE a.trial_id = m.trial AND (o.fresh IS NOT 1 OR s.reason IS NULL))"
    " UNION SELECT trial FROM temp.of_evaluation";

// The file under the name "shard", for as long as this lives.
class Attached {
 public:
  Attached(Connection& connection, const std::filesystem::path& file) : connection_(connection) {
    Statement(connection, "ATTACH ?1 AS shard").bind(uri_for_reading(file)).run();
  }
  ~Attached() { sqlite3_exec(connection_.raw(), "DETACH shard", nullptr, nullptr, nullptr); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  Connection& connection_;
};

void expect_same_format(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    throw Error(ErrorKind::missing, file.string() + ": there is no such file to merge");
  Connection connection(file, SQLITE_OPEN_READONLY, uri_for_reading(file));
  const std::int64_t newest = bundled_migrations().back().version;
  const FileState state = inspect(connection, newest);
  if (state == FileState::older)
    throw Error(ErrorKind::older,
                file.string() + ": has the older format " +
                    std::to_string(connection.pragma("user_version")) + " (now " + std::to_string(newest) +
                    "); bring it up to date first, a copy is kept: saddle --db " + file.string() + " resume");
  if (state == FileState::empty)
    throw Error(ErrorKind::foreign, file.string() + ": is empty, there is nothing to merge");
  if (state != FileState::current) refuse(connection, state, newest);
}

std::int64_t single(Connection& connection, const std::string& sql) {
  const auto row = connection.prepared(sql);
  row->step();
  return row->integer(0);
}

// Artifacts stay where they are. A folder that is not where it was, because shards and files were copied here
// from another machine, is looked for beside the shard, from its component "*.runs" on.
void find_folders(Connection& connection, const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  std::map<std::int64_t, std::string> moved;
  {
    const auto rows = connection.prepared("SELECT old, folder FROM temp.of_attempt WHERE folder <> ''");
    std::error_code error;
    while (rows->step()) {
      const fs::path folder = rows->text(1);
      if (fs::exists(folder, error)) continue;
      fs::path below;
      for (const fs::path& part : folder)
        if (!below.empty() || part.extension() == ".runs") below /= part;
      const fs::path here = fs::absolute(file).parent_path() / below;
      if (!below.empty() && fs::exists(here, error))
        moved.emplace(rows->integer(0), here.lexically_normal().string());
    }
  }
  for (const auto& [old, folder] : moved)
    connection.prepared("UPDATE temp.of_attempt SET folder = ?2 WHERE old = ?1")->bind(old, folder).run();
}

void set_states(Connection& connection) {
  std::map<std::int64_t, TrialState> states;
  {
    const auto rows = connection.prepared(
        "SELECT t.id, a.reason, a.valid_until FROM main.trial t JOIN main.attempt a ON a.id = "
        "t.last_attempt_id"
        " WHERE t.id IN (SELECT trial FROM temp.of_attempt)");
    while (rows->step()) {
      const TrialState state = state_after(reason_from(rows->text(1)).value());
      const bool given_up = state == TrialState::done && rows->integer(2) < 0;
      states.emplace(rows->integer(0), given_up ? TrialState::planned : state);
    }
  }
  for (const auto& [trial, state] : states)
    connection.prepared("UPDATE main.trial SET state = ?2 WHERE id = ?1")
        ->bind(trial, to_string(state))
        .run();
}

void rebuild_summaries(Connection& connection) {
  std::vector<std::int64_t> trials;
  {
    const auto rows = connection.prepared(kToRebuild);
    while (rows->step()) trials.push_back(rows->integer(0));
  }
  for (const std::int64_t trial : trials) Summaries::rebuild(connection, trial);
}

std::string said(const MergeCounts& counts) {
  return std::to_string(counts.results) + " results, " + std::to_string(counts.attempts) + " attempts, " +
         std::to_string(counts.metrics) + " metric rows";
}

MergeCounts take(Connection& connection, const std::filesystem::path& file,
                 const std::vector<std::string>& only) {
  connection.execute(kMaps);
  for (const std::string& hash : only)
    connection.prepared("INSERT OR IGNORE INTO temp.only_trial VALUES (?1)")->bind(hash).run();
  connection.execute(kPlans);
  connection.execute(kAttempts);
  find_folders(connection, file);
  connection.execute(kRows);
  MergeCounts counts;
  counts.metrics = single(
      connection, "SELECT count(*) FROM main.metric WHERE attempt_id IN (SELECT new FROM temp.of_attempt)");
  connection.execute(kEvaluations);
  counts.metrics +=
      single(connection,
             "SELECT count(*) FROM temp.of_evaluation e CROSS JOIN main.metric_key k USING (name, protocol)"
             " CROSS JOIN main.metric r ON r.attempt_id = e.new AND r.key_id = k.id");
  connection.execute(kEvents);
  connection.execute(kSettle);
  connection.execute(kSummaries);
  rebuild_summaries(connection);
  set_states(connection);

  counts.trials = single(connection, "SELECT count(*) FROM temp.of_trial WHERE fresh");
  counts.attempts = single(connection, "SELECT count(*) FROM temp.of_attempt");
  counts.results = single(connection,
                          "SELECT count(*) FROM main.trial WHERE state = 'done'"
                          " AND last_attempt_id IN (SELECT new FROM temp.of_attempt)");
  counts.artifacts = single(
      connection, "SELECT count(*) FROM main.artifact WHERE attempt_id IN (SELECT new FROM temp.of_attempt)");
  counts.duplicates = single(
      connection,
      "SELECT count(*) FROM temp.of_trial m JOIN shard.trial s ON s.id = m.old JOIN shard.attempt a ON a.id "
      "= "
      "s.last_attempt_id WHERE NOT m.open AND s.state = 'done' AND NOT EXISTS (SELECT 1 FROM main.attempt o"
      " WHERE o.trial_id = m.new AND o.boot_id = a.boot_id AND o.started_ms = a.started_ms)");
  counts.running =
      single(connection,
             "SELECT count(*) FROM temp.of_trial m JOIN main.trial t ON t.id = m.new WHERE NOT m.open"
             " AND t.state = 'running'");
  if (counts.attempts > 0 || counts.metrics > 0) {
    Event event;
    event.type = "merge";
    event.message = file.filename().string() + ": " + said(counts);
    if (single(connection, "SELECT count(*) FROM temp.of_experiment") == 1)
      event.experiment = single(connection, "SELECT new FROM temp.of_experiment");
    insert_event(connection, event);
  }
  return counts;
}

}  // namespace

MergeCounts Store::merge(const std::filesystem::path& file, const std::vector<std::string>& only) {
  std::error_code ignored;
  if (std::filesystem::equivalent(file, impl_->path, ignored))
    throw Error(ErrorKind::usage, file.string() + ": is the database that it would be merged into");
  expect_same_format(file);
  return impl_->open_writer().on_thread([&](Connection& connection) {
    connection.execute("PRAGMA synchronous = FULL");
    const Attached shard(connection, file);  // not possible within a transaction
    Transaction transaction(connection);
    const MergeCounts counts = take(connection, file, only);
    transaction.commit();
    return counts;
  });
}

}  // namespace saddle::db
