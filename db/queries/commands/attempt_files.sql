-- Every attempt with a folder, and what it left there: a row for each artifact, or
-- one without.
SELECT a.id, a.number, a.folder, t.name AS trial, e.name AS experiment, a.reason IS NULL AS running,
       f.id AS artifact, f.kind, f.path, f.sha256, f.bytes, ifnull(a.reason IN ('ok', 'diverged'), 0) AS done
  FROM attempt a
  JOIN trial t ON t.id = a.trial_id
  JOIN experiment e ON e.id = t.experiment_id
  LEFT JOIN artifact f ON f.attempt_id = a.id
 WHERE a.folder <> ''
 ORDER BY a.id, f.id;
