-- What the trials of experiment ?1 (null: all) in the JSON list ?2 (null: any) came
-- to, in the metrics whose numbers are in the JSON list ?3.
SELECT trial_id AS trial, key_id, last, last_kind AS kind
  FROM trial_summary
 WHERE (?1 IS NULL OR trial_id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
   AND (?2 IS NULL OR trial_id IN (SELECT value FROM json_each(?2)))
   AND key_id IN (SELECT value FROM json_each(?3));
