-- Mean and spread over the trials of experiment ?1 (null: all) in the JSON list ?2
-- (null: any) of the metrics whose names are in the JSON list ?3. Where none was ever
-- recorded no trial is looked at.
SELECT k.name, nullif(k.protocol, '') AS protocol, avg(s.last) AS mean, stddev(s.last) AS spread, count(*) AS n
  FROM trial t
  CROSS JOIN trial_summary s
          ON s.trial_id = t.id
         AND s.key_id IN (SELECT id FROM metric_key WHERE name IN (SELECT value FROM json_each(?3)))
  CROSS JOIN metric_key k ON k.id = s.key_id
 WHERE s.last_kind = 0
   AND EXISTS (SELECT 1 FROM metric_key WHERE name IN (SELECT value FROM json_each(?3)))
   AND (?1 IS NULL OR t.id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
   AND (?2 IS NULL OR t.id IN (SELECT value FROM json_each(?2)))
 GROUP BY k.id;
