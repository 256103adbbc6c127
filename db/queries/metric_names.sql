-- Metrics that the trials of experiment ?1 (null: any) recorded, evaluated ones
-- (with a protocol) first.
SELECT metric, count(DISTINCT protocol) AS protocols, max(protocol IS NOT NULL) AS evaluated
  FROM finals f
 WHERE ?1 IS NULL OR f.trial IN (SELECT trial FROM experiment_trials WHERE experiment_id = ?1)
 GROUP BY metric ORDER BY evaluated DESC, metric;
