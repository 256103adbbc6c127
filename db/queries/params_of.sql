-- One representative of each config of experiment ?1 (null: of all): its params
-- without those that only say how a run is recorded.
SELECT r.config_hash, p.path, p.value, p.type
  FROM (SELECT config_hash, min(trial) AS trial FROM trials t
         WHERE ?1 IS NULL OR t.trial IN (SELECT trial FROM experiment_trials WHERE experiment_id = ?1)
         GROUP BY config_hash) r
  JOIN params p ON p.trial = r.trial
 WHERE p.path NOT GLOB 'record.*' AND p.path NOT GLOB 'checkpoint.*' AND p.path <> 'name'
 ORDER BY r.config_hash, p.path;
