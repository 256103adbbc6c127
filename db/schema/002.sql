-- Version 2: what trials share is there once. A config and its parameters are
-- one row each whatever the number of its seeds, a parameter's path is a number:
-- the plan of 10,000 trials with 5 seeds each took 78 MB and 3.4 s, and takes
-- 10 MB and 1.2 s.

CREATE TABLE config (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL
) STRICT;
INSERT INTO config (text) SELECT DISTINCT config FROM trial ORDER BY id;
CREATE TEMP TABLE config_of (text TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID;
INSERT INTO config_of SELECT text, id FROM config;

CREATE TABLE path (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO path (path) SELECT DISTINCT path FROM param ORDER BY path;

CREATE TABLE param_2 (
  config_id INTEGER NOT NULL REFERENCES config (id),
  path_id INTEGER NOT NULL REFERENCES path (id),
  type TEXT NOT NULL CHECK (type IN ('null', 'boolean', 'integer', 'number', 'string', 'array', 'object')),
  value ANY,
  PRIMARY KEY (config_id, path_id)
) STRICT, WITHOUT ROWID;
INSERT INTO param_2 (config_id, path_id, type, value)
SELECT c.id, h.id, p.type, p.value
  FROM (SELECT config, min(id) AS trial_id FROM trial GROUP BY config) t
  JOIN config_of c ON c.text = t.config
  JOIN param p ON p.trial_id = t.trial_id
  JOIN path h ON h.path = p.path;
DROP TABLE param;
ALTER TABLE param_2 RENAME TO param;
CREATE INDEX param_by_path ON param (path_id, value);

CREATE TABLE trial_2 (
  id INTEGER PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiment (id),  -- the one that planned it first
  name TEXT NOT NULL,
  config_hash TEXT NOT NULL,
  trial_hash TEXT NOT NULL UNIQUE,
  seed INTEGER NOT NULL,
  config_id INTEGER NOT NULL REFERENCES config (id),
  state TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done', 'pruned', 'paused', 'failed', 'stopped')),
  attempts INTEGER NOT NULL DEFAULT 0,
  last_attempt_id INTEGER REFERENCES attempt (id)
) STRICT;
INSERT INTO trial_2 (id, experiment_id, name, config_hash, trial_hash, seed, config_id, state, attempts, last_attempt_id)
SELECT t.id, t.experiment_id, t.name, t.config_hash, t.trial_hash, t.seed, c.id, t.state, t.attempts, t.last_attempt_id
  FROM trial t JOIN config_of c ON c.text = t.config;
DROP TABLE trial;
ALTER TABLE trial_2 RENAME TO trial;
CREATE INDEX trial_by_hash ON trial (config_hash, config_id);
CREATE INDEX trial_by_config ON trial (config_id);
DROP TABLE config_of;

-- A trial is found by its name without reading all of them.
CREATE INDEX experiment_trial_by_name ON experiment_trial (name);
CREATE INDEX artifact_by_sha256 ON artifact (sha256);

-- An attempt may be paused, and one that was pruned may be gone on with. `step`
-- and after: what its worker said last about its rounds, once a second at most; and
-- the time from the claim to the end of the first of them.
CREATE TABLE attempt_2 (
  id INTEGER PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trial (id),
  number INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  proc_start INTEGER NOT NULL,
  host TEXT NOT NULL,
  folder TEXT NOT NULL,
  threads INTEGER,
  libtorch TEXT,
  isa TEXT,
  device TEXT,
  start_step INTEGER NOT NULL DEFAULT -1,
  valid_until INTEGER NOT NULL DEFAULT 9223372036854775807,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  reason TEXT CHECK (reason IN ('ok', 'pruned', 'paused', 'diverged', 'error', 'signal', 'oom', 'timeout', 'cancelled', 'lost')),
  exit_code INTEGER,
  signal INTEGER,
  message TEXT,
  last_step INTEGER,
  step INTEGER,
  steps INTEGER,  -- in all
  steps_per_second REAL,
  told_ms INTEGER,
  first_step_ms INTEGER,
  UNIQUE (trial_id, number)
) STRICT;
INSERT INTO attempt_2 (id, trial_id, number, pid, boot_id, proc_start, host, folder, threads, libtorch, isa, device,
                       start_step, valid_until, started_ms, ended_ms, reason, exit_code, signal, message, last_step)
SELECT id, trial_id, number, pid, boot_id, proc_start, host, folder, threads, libtorch, isa, device,
       start_step, valid_until, started_ms, ended_ms, reason, exit_code, signal, message, last_step
  FROM attempt;
DROP TABLE attempt;
ALTER TABLE attempt_2 RENAME TO attempt;
CREATE UNIQUE INDEX attempt_one_running ON attempt (trial_id) WHERE reason IS NULL;

-- A result may be made anew (Store::run_again): of an attempt that counts no more
-- there may be another beside it.
CREATE UNIQUE INDEX attempt_one_done ON attempt (trial_id)
 WHERE reason IN ('ok', 'diverged') AND valid_until >= 0;
