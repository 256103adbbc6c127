-- Trials of the experiment with number ?1 (null: all there are) that the JSON list
-- ?2 has (null: any), with all that is known of each but its parameters and
-- curves. config: a number that those with the same parameters share.
SELECT t.trial, x.name, e.name AS experiment, t.seed, t.state, t.reason, t.message, t.attempts, t.last_step,
       t.started, t.ended, t.seconds, t.host, t.threads, t.device, t.libtorch, t.isa, t.exit_code, t.signal,
       t.git_commit, t.config_hash, t.trial_hash, t.folder,
       (SELECT config_id FROM trial WHERE id = t.trial) AS config
  FROM trials t
  JOIN experiment_trial x ON x.experiment_id = ifnull(?1, t.experiment_id) AND x.trial_id = t.trial
  JOIN experiment e ON e.id = x.experiment_id
 WHERE ?2 IS NULL OR t.trial IN (SELECT value FROM json_each(?2))
 ORDER BY x.experiment_id, x.ordinal, t.trial;
