-- Mean and spread over the trials of experiment ?1 (null: all) in the JSON list ?2
-- (null: any) of the metrics whose names are in the JSON list ?3.
SELECT k.name, nullif(k.protocol, '') AS protocol, avg(s.last) AS mean, stddev(s.last) AS spread, count(*) AS n
  FROM metric_key k
  CROSS JOIN trial t
  JOIN trial_summary s ON s.trial_id = t.id AND s.key_id = k.id
 WHERE k.name IN (SELECT value FROM json_each(?3)) AND s.last_kind = 0
   AND (?1 IS NULL OR t.id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
   AND (?2 IS NULL OR t.id IN (SELECT value FROM json_each(?2)))
 GROUP BY k.id;
