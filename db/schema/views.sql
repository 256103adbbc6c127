-- The public API, described column by column in db/README.md. Made anew by every
-- migration; columns are added, never renamed or removed. `trial` is everywhere
-- the number by which the views join.

CREATE VIEW experiments AS
SELECT e.id AS experiment_id, e.name AS experiment,
       (SELECT count(*) FROM experiment_trial x WHERE x.experiment_id = e.id) AS trials,
       (SELECT count(*) FROM experiment_trial x JOIN trial t ON t.id = x.trial_id
         WHERE x.experiment_id = e.id AND t.state = 'done') AS done,
       (SELECT count(*) FROM experiment_trial x JOIN trial t ON t.id = x.trial_id
         WHERE x.experiment_id = e.id AND t.state = 'pruned') AS pruned,
       (SELECT count(*) FROM experiment_trial x JOIN trial t ON t.id = x.trial_id
         WHERE x.experiment_id = e.id AND t.state = 'failed') AS failed,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.created_ms / 1000.0, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.used_ms / 1000.0, 'unixepoch') AS used,
       e.file, nullif(e.git_commit, '') AS git_commit, e.git_dirty, e.spec_sha256, e.spec
  FROM experiment e;

-- Which trials an experiment consists of, those it shares with others included.
CREATE VIEW experiment_trials AS
SELECT x.experiment_id, e.name AS experiment, x.trial_id AS trial, x.ordinal, x.name
  FROM experiment_trial x JOIN experiment e ON e.id = x.experiment_id;

CREATE VIEW trials AS
SELECT t.id AS trial, e.name AS experiment, t.name, t.config_hash, t.trial_hash, t.seed,
       t.state, a.reason, a.message, t.attempts,
       -- While it runs, the furthest step of any of its curves: a seek for each.
       CASE WHEN t.state <> 'running' THEN a.last_step
            ELSE (SELECT max((SELECT max(m.step) FROM metric m WHERE m.attempt_id = a.id AND m.key_id = k.id))
                    FROM metric_key k) END AS last_step,
       (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', min(f.started_ms) / 1000.0, 'unixepoch')
          FROM attempt f WHERE f.trial_id = t.id) AS started,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_ms / 1000.0, 'unixepoch') AS ended,
       CASE WHEN t.attempts < 2 THEN (a.ended_ms - a.started_ms) / 1000.0
            ELSE (SELECT sum(s.ended_ms - s.started_ms) / 1000.0 FROM attempt s WHERE s.trial_id = t.id) END AS seconds,
       a.host, a.threads, a.device, a.libtorch, a.isa, a.exit_code, a.signal, a.pid,
       nullif(a.folder, '') AS folder, nullif(e.git_commit, '') AS git_commit, e.git_dirty,
       t.experiment_id, x.ordinal, c.text AS config
  FROM trial t
  -- LEFT, so that SQLite leaves out what a query does not ask for.
  LEFT JOIN experiment e ON e.id = t.experiment_id
  LEFT JOIN experiment_trial x ON x.experiment_id = t.experiment_id AND x.trial_id = t.id
  LEFT JOIN config c ON c.id = t.config_id
  LEFT JOIN attempt a ON a.id = t.last_attempt_id;

CREATE VIEW attempts AS
SELECT a.trial_id AS trial, a.number AS attempt, t.name, a.reason, a.message, a.start_step, a.last_step,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.started_ms / 1000.0, 'unixepoch') AS started,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_ms / 1000.0, 'unixepoch') AS ended,
       (a.ended_ms - a.started_ms) / 1000.0 AS seconds,
       a.host, a.pid, a.threads, a.device, a.libtorch, a.isa, a.exit_code, a.signal, nullif(a.folder, '') AS folder,
       a.step, a.steps, a.steps_per_second, a.first_step_ms,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.told_ms / 1000.0, 'unixepoch') AS told
  FROM attempt a JOIN trial t ON t.id = a.trial_id;

CREATE VIEW params AS
SELECT t.id AS trial, t.name, h.path, p.value, p.type
  FROM trial t
  JOIN param p ON p.config_id = t.config_id
  JOIN path h ON h.id = p.path_id;

-- Exactly one row for each (trial, metric, protocol, step): what an attempt
-- measured and a later one did again counts once, as the later one has it.
CREATE VIEW metrics AS
SELECT a.trial_id AS trial, k.name AS metric, m.step, m.value, m.kind,
       nullif(k.protocol, '') AS protocol, a.number AS attempt
  FROM attempt a
  JOIN metric m ON m.attempt_id = a.id
  JOIN metric_key k ON k.id = m.key_id
 WHERE m.step <= a.valid_until AND (a.start_step < 0 OR m.step > a.start_step);

CREATE VIEW finals AS
SELECT s.trial_id AS trial, t.name, k.name AS metric, nullif(k.protocol, '') AS protocol,
       s.last, s.last_kind AS kind, s.last_step, s.min, s.argmin, s.max, s.argmax, s.n, s.n_nan
  FROM trial_summary s
  LEFT JOIN trial t ON t.id = s.trial_id
  JOIN metric_key k ON k.id = s.key_id;

CREATE VIEW artifacts AS
SELECT a.trial_id AS trial, t.name AS trial_name, f.kind, f.name, f.step,
       CASE WHEN a.folder = '' THEN f.path ELSE a.folder || '/' || f.path END AS path,
       f.sha256, f.bytes, f.media_type, a.number AS attempt,
       strftime('%Y-%m-%dT%H:%M:%fZ', f.created_ms / 1000.0, 'unixepoch') AS created
  FROM artifact f
  JOIN attempt a ON a.id = f.attempt_id
  JOIN trial t ON t.id = a.trial_id;

CREATE VIEW plugins_used AS
SELECT a.trial_id AS trial, t.name AS trial_name, a.number AS attempt,
       p.kind || '/' || p.name AS component, p.kind, p.name, p.version, p.file, p.sha256
  FROM attempt_plugin u
  JOIN plugin p ON p.id = u.plugin_id
  JOIN attempt a ON a.id = u.attempt_id
  JOIN trial t ON t.id = a.trial_id;

CREATE VIEW events AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', v.time_ms / 1000.0, 'unixepoch') AS time,
       v.type, v.message, e.name AS experiment, v.trial_id AS trial, t.name AS trial_name,
       a.number AS attempt, v.data, v.id AS event
  FROM event v
  LEFT JOIN experiment e ON e.id = v.experiment_id
  LEFT JOIN trial t ON t.id = v.trial_id
  LEFT JOIN attempt a ON a.id = v.attempt_id;
