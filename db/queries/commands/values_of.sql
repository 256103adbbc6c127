-- All values of metric ?2 under protocol ?3 of the trials of experiment ?1, each
-- trial's in order.
SELECT m.trial, m.step, m.value
  FROM experiment_trials x JOIN metrics m USING (trial)
 WHERE x.experiment_id = ?1 AND m.metric = ?2 AND ifnull(m.protocol, '') = ?3
 ORDER BY m.trial, m.step;
