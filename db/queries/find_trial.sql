-- Trials that ?1 may mean: a number, a name, experiment/name, or the beginning
-- of a trial_hash (from 4 digits on). rank 0 to 3 in that order.
SELECT trial, name, experiment, min(rank) AS rank FROM (
  SELECT trial, name, experiment, 0 AS rank FROM trials WHERE CAST(trial AS TEXT) = ?1
  UNION ALL
  SELECT trial, name, experiment, 1 FROM experiment_trials WHERE name = ?1 OR experiment || '/' || name = ?1
  UNION ALL
  SELECT trial, name, experiment, 2 FROM trials WHERE length(?1) >= 4 AND substr(trial_hash, 1, length(?1)) = ?1
  UNION ALL
  SELECT trial, name, experiment, 3 FROM experiment_trials WHERE length(?1) >= 4 AND substr(name, 1, length(?1)) = ?1
) GROUP BY trial ORDER BY rank, trial;
