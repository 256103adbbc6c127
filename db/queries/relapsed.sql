-- Trials that ended far above their best value of a metric of which less is better:
-- where the last checkpoint is not the one to keep.
-- :metric  the metric, as frechet
-- :factor  how many times the best value counts as far [1.5]
SELECT t.name, t.experiment, f.protocol, f.last, f.last_step, f.min AS best, f.argmin AS best_step,
       f.last / f.min AS times
  FROM finals f JOIN trials t ON t.trial = f.trial
 WHERE f.metric = :metric AND f.kind = 0 AND f.min > 0 AND f.last > :factor * f.min
 ORDER BY times DESC;
