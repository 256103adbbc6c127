-- Version 1. Tables are private: programs and people read the views.

-- One grid file as it was run. The same name with another text is another row.
CREATE TABLE experiment (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  spec_sha256 TEXT NOT NULL,
  file TEXT NOT NULL,
  git_commit TEXT NOT NULL,
  git_dirty INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,  -- when it was last planned: "the latest" is by this
  UNIQUE (name, spec_sha256)
) STRICT;

-- One resolved config and seed, once in the whole database.
CREATE TABLE trial (
  id INTEGER PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiment (id),  -- the one that planned it first
  name TEXT NOT NULL,
  config_hash TEXT NOT NULL,
  trial_hash TEXT NOT NULL UNIQUE,
  seed INTEGER NOT NULL,
  config TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done', 'failed', 'stopped')),
  attempts INTEGER NOT NULL DEFAULT 0,
  last_attempt_id INTEGER REFERENCES attempt (id)
) STRICT;
CREATE INDEX trial_by_config ON trial (config_hash);

-- Which trials belong to an experiment, and as what.
CREATE TABLE experiment_trial (
  experiment_id INTEGER NOT NULL REFERENCES experiment (id),
  trial_id INTEGER NOT NULL REFERENCES trial (id),
  ordinal INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (experiment_id, trial_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_trial_by_trial ON experiment_trial (trial_id);

CREATE TABLE param (
  trial_id INTEGER NOT NULL REFERENCES trial (id),
  path TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('null', 'boolean', 'integer', 'number', 'string', 'array', 'object')),
  value ANY,
  PRIMARY KEY (trial_id, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX param_by_path ON param (path, value);

-- One process that ran a trial. reason is null while it runs.
CREATE TABLE attempt (
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
  -- It keeps what earlier attempts measured up to start_step (-1: nothing), and
  -- of its own rows those up to valid_until count: the lowest start_step of the
  -- attempts after it.
  start_step INTEGER NOT NULL DEFAULT -1,
  valid_until INTEGER NOT NULL DEFAULT 9223372036854775807,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  reason TEXT CHECK (reason IN ('ok', 'pruned', 'diverged', 'error', 'signal', 'oom', 'timeout', 'cancelled', 'lost')),
  exit_code INTEGER,
  signal INTEGER,
  message TEXT,
  last_step INTEGER,
  UNIQUE (trial_id, number)
) STRICT;
CREATE UNIQUE INDEX attempt_one_done ON attempt (trial_id) WHERE reason IN ('ok', 'pruned', 'diverged');
CREATE UNIQUE INDEX attempt_one_running ON attempt (trial_id) WHERE reason IS NULL;

CREATE TABLE plugin (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  file TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  UNIQUE (kind, name, version, file, sha256)
) STRICT;

CREATE TABLE attempt_plugin (
  attempt_id INTEGER NOT NULL REFERENCES attempt (id),
  plugin_id INTEGER NOT NULL REFERENCES plugin (id),
  PRIMARY KEY (attempt_id, plugin_id)
) STRICT, WITHOUT ROWID;

-- A metric's name under one evaluation protocol (empty for training terms).
CREATE TABLE metric_key (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  protocol TEXT NOT NULL,
  UNIQUE (name, protocol)
) STRICT;

-- kind 0: finite, 1: NaN (value null), 2: +inf, 3: -inf. No foreign keys and no
-- second index: this table takes 100,000 rows a second at some 25 bytes each.
CREATE TABLE metric (
  attempt_id INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  value REAL,
  kind INTEGER NOT NULL,
  PRIMARY KEY (attempt_id, key_id, step)
) STRICT, WITHOUT ROWID;

-- One row a curve, written whenever an attempt ends. min and max are over the
-- finite values; n counts all.
CREATE TABLE trial_summary (
  trial_id INTEGER NOT NULL REFERENCES trial (id),
  key_id INTEGER NOT NULL REFERENCES metric_key (id),
  last REAL,
  last_kind INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  min REAL,
  argmin INTEGER,
  max REAL,
  argmax INTEGER,
  n INTEGER NOT NULL,
  n_nan INTEGER NOT NULL,
  PRIMARY KEY (trial_id, key_id)
) STRICT, WITHOUT ROWID;

-- Written from the queue like metric, hence no foreign key: such a write must
-- never fail for another reason than the disk.
CREATE TABLE artifact (
  id INTEGER PRIMARY KEY,
  attempt_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  step INTEGER NOT NULL,
  path TEXT NOT NULL,  -- relative to the attempt's folder
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  UNIQUE (attempt_id, path)
) STRICT;

-- Append-only.
CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  experiment_id INTEGER,
  trial_id INTEGER,
  attempt_id INTEGER,
  type TEXT NOT NULL,
  message TEXT NOT NULL,
  data TEXT
) STRICT;
CREATE INDEX event_by_trial ON event (trial_id);
