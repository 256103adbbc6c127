-- The trials that took longest, all their attempts together.
-- :experiment  only of this experiment [all]
-- :n           so many [10]
SELECT t.name, t.experiment, t.state, t.seconds, t.attempts, t.last_step, t.last_step / t.seconds AS steps_per_second
  FROM trials t
 WHERE t.seconds IS NOT NULL
   AND (:experiment IS NULL OR t.trial IN (SELECT trial FROM experiment_trials WHERE experiment = :experiment))
 ORDER BY t.seconds DESC
 LIMIT :n;
