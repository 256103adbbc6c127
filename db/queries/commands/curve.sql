-- The curve of metric ?2 of trial ?1, one protocol (a number of metric_keys) after
-- the other: of steps that two attempts trained, the later one's.
SELECT m.key_id, m.step, m.value, m.kind
  FROM attempt a
  JOIN metric m ON m.attempt_id = a.id AND m.key_id IN (SELECT id FROM metric_key WHERE name = ?2)
 WHERE a.trial_id = ?1 AND m.step <= a.valid_until AND (a.start_step < 0 OR m.step > a.start_step)
 ORDER BY m.key_id, m.step;
