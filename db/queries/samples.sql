-- The last sheet of samples of the trials that did best, to be looked at.
-- :metric      the metric, less being better, as frechet
-- :experiment  only of this experiment [all]
-- :n           so many trials [10]
SELECT t.name, f.last, max(a.step) AS step, a.path
  FROM finals f
  JOIN trials t ON t.trial = f.trial
  JOIN artifacts a ON a.trial = t.trial AND a.kind = 'samples'
 WHERE f.metric = :metric AND f.kind = 0 AND t.state = 'done'
   AND (:experiment IS NULL OR t.trial IN (SELECT trial FROM experiment_trials WHERE experiment = :experiment))
 GROUP BY t.trial, f.protocol
 ORDER BY f.protocol, f.last
 LIMIT :n;
