-- Why attempts ended without a result, the most frequent reason first.
-- :experiment  only of this experiment [all]
SELECT a.reason, a.signal, a.message, count(*) AS attempts, count(DISTINCT a.trial) AS trials,
       min(a.name) AS one_of_them
  FROM attempts a
 WHERE a.reason NOT IN ('ok', 'pruned', 'paused', 'diverged')
   AND (:experiment IS NULL OR a.trial IN (SELECT trial FROM experiment_trials WHERE experiment = :experiment))
 GROUP BY a.reason, a.signal, a.message
 ORDER BY attempts DESC, a.message;
