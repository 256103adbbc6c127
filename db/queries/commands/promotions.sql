-- Which trials of experiment ?1 a pruner let go on, by metric ?2, and from which rung.
SELECT v.trial, v.data ->> '$.rung' AS rung
  FROM experiment_trials x JOIN events v USING (trial)
 WHERE x.experiment_id = ?1 AND v.type = 'promote' AND v.data ->> '$.metric' = ?2
 ORDER BY v.event;
