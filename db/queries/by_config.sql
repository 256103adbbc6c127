-- What a metric came to for each config: mean, median and spread over its seeds.
-- :metric      the metric, as frechet
-- :experiment  only of this experiment [all]
SELECT t.config_hash, f.protocol, count(*) AS n, avg(f.last) AS mean, median(f.last) AS median,
       stddev(f.last) AS spread, min(f.last) AS lowest, max(f.last) AS highest, min(t.name) AS one_of_them
  FROM finals f JOIN trials t ON t.trial = f.trial
 WHERE f.metric = :metric AND f.kind = 0 AND t.state = 'done'
   AND (:experiment IS NULL OR t.trial IN (SELECT trial FROM experiment_trials WHERE experiment = :experiment))
 GROUP BY t.config_hash, f.protocol
 ORDER BY f.protocol, mean;
