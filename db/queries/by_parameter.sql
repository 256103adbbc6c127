-- What a metric came to for each value of one parameter, whatever the others were.
-- :metric      the metric, as frechet
-- :path        the parameter's whole path, as optimizers.generator.lr
-- :experiment  only of this experiment [all]
SELECT p.value, f.protocol, count(*) AS n, avg(f.last) AS mean, median(f.last) AS median,
       stddev(f.last) AS spread, min(f.last) AS lowest, max(f.last) AS highest
  FROM params p
  JOIN finals f ON f.trial = p.trial
  JOIN trials t ON t.trial = p.trial
 WHERE p.path = :path AND f.metric = :metric AND f.kind = 0 AND t.state = 'done'
   AND (:experiment IS NULL OR t.trial IN (SELECT trial FROM experiment_trials WHERE experiment = :experiment))
 GROUP BY p.value, f.protocol
 ORDER BY f.protocol, p.value;
