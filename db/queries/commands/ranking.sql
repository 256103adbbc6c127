-- What the trials of experiment ?1 (null: all) in the JSON list ?2 (null: any) came
-- to in one metric ?3, in the column of finals that ?4 names; key_id as in
-- metric_keys, null where nothing was measured.
SELECT t.config_hash, t.id AS trial, t.seed, t.state, a.reason, s.key_id, s.last_kind AS kind,
       CASE ?4 WHEN 'last' THEN s.last WHEN 'min' THEN s.min WHEN 'max' THEN s.max WHEN 'argmin' THEN s.argmin
               WHEN 'argmax' THEN s.argmax WHEN 'last_step' THEN s.last_step WHEN 'n' THEN s.n
               WHEN 'n_nan' THEN s.n_nan END AS value
  FROM trial t
  LEFT JOIN attempt a ON a.id = t.last_attempt_id
  LEFT JOIN trial_summary s ON s.trial_id = t.id AND s.key_id IN (SELECT id FROM metric_key WHERE name = ?3)
 WHERE (?1 IS NULL OR t.id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
   AND (?2 IS NULL OR t.id IN (SELECT value FROM json_each(?2)))
 ORDER BY t.id;
