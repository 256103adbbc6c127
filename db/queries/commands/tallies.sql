-- What has become of the trials of the experiments ?1 (a JSON list of numbers): by
-- experiment and state, with the mean time of those that are done.
SELECT x.experiment_id, x.experiment, t.state, count(*) AS trials, avg(t.seconds) AS seconds
  FROM experiment_trials x JOIN trials t USING (trial)
 WHERE x.experiment_id IN (SELECT value FROM json_each(?1))
 GROUP BY x.experiment_id, t.state ORDER BY x.experiment_id, t.state;
