-- The curves of trial ?1 in the metrics whose numbers (metric_keys) are in the JSON
-- list ?2, in the order of steps.
SELECT m.step, m.key_id, m.value, m.kind, a.number AS attempt
  FROM attempt a
  JOIN metric m ON m.attempt_id = a.id AND m.key_id IN (SELECT value FROM json_each(?2))
 WHERE a.trial_id = ?1 AND m.step <= a.valid_until AND (a.start_step < 0 OR m.step > a.start_step)
 ORDER BY m.step, m.key_id;
