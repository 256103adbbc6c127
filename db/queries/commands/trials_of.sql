-- Trials of the experiment with number ?1 (null: all there are) that the JSON list
-- ?2 has (null: any), as ls shows them.
SELECT t.trial, x.name, e.name AS experiment,
       t.state, t.reason, t.seed, t.attempts, t.last_step, t.seconds, t.message, t.config_hash, t.trial_hash
  FROM trials t
  JOIN experiment_trial x ON x.experiment_id = ifnull(?1, t.experiment_id) AND x.trial_id = t.trial
  JOIN experiment e ON e.id = x.experiment_id
 WHERE ?2 IS NULL OR t.trial IN (SELECT value FROM json_each(?2))
 ORDER BY x.experiment_id, x.ordinal, t.trial;
