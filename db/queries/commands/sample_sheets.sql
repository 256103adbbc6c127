-- Sheets of samples of the trial ?1, by step; of a step that two attempts drew, the later one's.
SELECT f.step, a.folder || '/' || f.path AS path, max(a.number)
  FROM attempt a JOIN artifact f ON f.attempt_id = a.id
 WHERE a.trial_id = ?1 AND f.kind = 'samples' AND f.name LIKE 'samples-%.png' AND f.step <= a.valid_until GROUP BY f.step ORDER BY f.step;
