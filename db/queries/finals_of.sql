-- Final values of every metric of the trials of experiment ?1 (null: of all).
SELECT f.trial, f.metric, f.protocol, f.last, f.kind
  FROM finals f
 WHERE ?1 IS NULL OR f.trial IN (SELECT trial FROM experiment_trials WHERE experiment_id = ?1)
 ORDER BY f.trial, f.metric;
