-- The numbers (metric_keys) of what the trials of experiment ?1 (null: any) in the
-- JSON list ?2 (null: any) recorded.
SELECT DISTINCT key_id FROM trial_summary
 WHERE (?1 IS NULL OR trial_id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
   AND (?2 IS NULL OR trial_id IN (SELECT value FROM json_each(?2)));
