-- The first value that was not finite, of each trial with a curve that had a NaN
-- or ended in something infinite.
SELECT t.name, t.experiment, m.metric, min(m.step) AS step, t.state, t.reason
  FROM trials t JOIN metrics m ON m.trial = t.trial
 WHERE m.kind <> 0 AND t.trial IN (SELECT trial FROM finals WHERE n_nan > 0 OR kind <> 0)
 GROUP BY t.trial
 ORDER BY step;
