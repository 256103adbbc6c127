-- Metrics of the trial ?1, also while it runs: seeks through the keys instead of
-- reading its rows.
SELECT DISTINCT k.name AS metric, k.protocol <> '' AS evaluated
  FROM metric_key k JOIN attempt a ON a.trial_id = ?1
 WHERE EXISTS (SELECT 1 FROM metric m WHERE m.attempt_id = a.id AND m.key_id = k.id)
 ORDER BY evaluated DESC, metric;
