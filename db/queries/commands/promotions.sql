-- Which trials of experiment ?1 a pruner let go on, by metric ?2, and from which rung
-- at which step; not of attempts that count no more.
SELECT v.trial_id AS trial, v.data ->> '$.rung' AS rung, v.data ->> '$.step' AS step
  FROM experiment_trial x
  JOIN event v ON v.trial_id = x.trial_id
  JOIN attempt a ON a.id = v.attempt_id
 WHERE x.experiment_id = ?1 AND v.type = 'promote' AND v.data ->> '$.metric' = ?2 AND a.valid_until >= 0
 ORDER BY v.id;
