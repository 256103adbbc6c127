-- Trials of the experiment with number ?1 (null: all there are), as ls shows them.
SELECT t.trial, coalesce(x.name, t.name) AS name, coalesce(x.experiment, t.experiment) AS experiment,
       t.state, t.reason, t.seed, t.attempts, t.last_step, t.seconds, t.message, t.config_hash, t.trial_hash
  FROM trials t
  LEFT JOIN experiment_trials x ON x.trial = t.trial AND x.experiment_id = ?1
 WHERE ?1 IS NULL OR x.trial IS NOT NULL
 ORDER BY t.experiment_id, coalesce(x.ordinal, t.ordinal), t.trial;
