-- Metrics that the trials of experiment ?1 (null: any) in the JSON list ?2 (null:
-- any) recorded, evaluated ones (with a protocol) first.
SELECT k.name AS metric, count(*) AS protocols, max(k.protocol <> '') AS evaluated
  FROM (SELECT DISTINCT key_id FROM trial_summary
         WHERE (?1 IS NULL OR trial_id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
           AND (?2 IS NULL OR trial_id IN (SELECT value FROM json_each(?2)))) u
  JOIN metric_key k ON k.id = u.key_id
 GROUP BY k.name ORDER BY evaluated DESC, metric;
