-- Trials that belong to none but the experiments in the JSON list ?1 and by the
-- [experiment, trial] pairs in the JSON list ?2.
SELECT DISTINCT x.trial_id
  FROM experiment_trial x
 WHERE (x.experiment_id IN (SELECT value FROM json_each(?1))
        OR x.trial_id IN (SELECT value ->> 1 FROM json_each(?2)))
   AND NOT EXISTS (SELECT 1 FROM experiment_trial o
                    WHERE o.trial_id = x.trial_id
                      AND o.experiment_id NOT IN (SELECT value FROM json_each(?1))
                      AND NOT EXISTS (SELECT 1 FROM json_each(?2)
                                       WHERE value ->> 0 = o.experiment_id AND value ->> 1 = o.trial_id));
