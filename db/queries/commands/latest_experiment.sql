-- The experiment that was planned last, or the newest of the name ?1, or the one
-- with the number ?1.
SELECT experiment_id, experiment, trials
  FROM experiments
 WHERE experiment_id = (SELECT id FROM experiment
                         WHERE ?1 IS NULL OR name = ?1 OR CAST(id AS TEXT) = ?1
                         ORDER BY name IS ?1 DESC, used_ms DESC, id DESC LIMIT 1);
