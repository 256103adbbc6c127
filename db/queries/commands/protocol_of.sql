-- The protocol under which most trials of experiment ?1 have measured metric ?2.
SELECT ifnull(m.protocol, '') AS protocol
  FROM experiment_trials x JOIN metrics m USING (trial)
 WHERE x.experiment_id = ?1 AND m.metric = ?2
 GROUP BY 1 ORDER BY count(DISTINCT m.trial) DESC, 1 LIMIT 1;
