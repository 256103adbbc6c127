-- The experiment that was planned last, or the newest of the name ?1, or the one
-- with the number ?1.
SELECT experiment_id, experiment, trials, done, failed
  FROM experiments
 WHERE ?1 IS NULL OR experiment = ?1 OR CAST(experiment_id AS TEXT) = ?1
 ORDER BY experiment IS ?1 DESC, used DESC, experiment_id DESC
 LIMIT 1;
