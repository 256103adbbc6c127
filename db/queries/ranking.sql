-- What the trials of experiment ?1 (null: all) ended with, for one metric ?2.
SELECT t.config_hash, t.trial, t.seed, t.state, t.reason, f.protocol, f.last, f.kind
  FROM trials t LEFT JOIN finals f ON f.trial = t.trial AND f.metric = ?2
 WHERE ?1 IS NULL OR t.trial IN (SELECT trial FROM experiment_trials WHERE experiment_id = ?1)
 ORDER BY t.trial;
