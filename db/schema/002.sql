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
  state TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done', 'failed', 'stopped')),
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

-- What the worker of an attempt said last about its rounds, once a second at
-- most; and the time from the claim to the end of the first of them.
ALTER TABLE attempt ADD COLUMN step INTEGER;
ALTER TABLE attempt ADD COLUMN steps INTEGER;  -- in all
ALTER TABLE attempt ADD COLUMN steps_per_second REAL;
ALTER TABLE attempt ADD COLUMN told_ms INTEGER;
ALTER TABLE attempt ADD COLUMN first_step_ms INTEGER;

-- A result may be made anew (Store::run_again): of an attempt that counts no more
-- there may be another beside it.
DROP INDEX attempt_one_done;
CREATE UNIQUE INDEX attempt_one_done ON attempt (trial_id)
 WHERE reason IN ('ok', 'pruned', 'diverged') AND valid_until >= 0;
