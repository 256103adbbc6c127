-- Trials of experiment ?1 that a pruner had decided to end when the run was cut off,
-- with its reason.
SELECT t.id AS trial, v.message
  FROM experiment_trial x
  JOIN trial t ON t.id = x.trial_id
  JOIN event v ON v.trial_id = t.id AND v.attempt_id = t.last_attempt_id
 WHERE x.experiment_id = ?1 AND v.type = 'prune' AND t.state IN ('stopped', 'paused')
 GROUP BY t.id ORDER BY t.id;
