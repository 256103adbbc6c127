-- Trials that ?1 may mean: a number, a name, experiment/name, or the beginning
-- of a trial_hash or name (from 4 characters on). rank 0 to 3 in that order. All
-- of them seeks, whatever the number of trials.
SELECT t.id AS trial, ifnull(f.name, t.name) AS name, e.name AS experiment, min(f.rank) AS rank
  FROM (SELECT id AS trial_id, NULL AS name, NULL AS experiment_id, 0 AS rank
          FROM trial WHERE ?1 NOT GLOB '*[^0-9]*' AND length(?1) BETWEEN 1 AND 18 AND id = CAST(?1 AS INTEGER)
        UNION ALL
        SELECT trial_id, name, experiment_id, 1 FROM experiment_trial WHERE name = ?1
        UNION ALL
        SELECT x.trial_id, x.name, x.experiment_id, 1
          FROM experiment_trial x JOIN experiment e ON e.id = x.experiment_id
         WHERE instr(?1, '/') > 0 AND x.name = substr(?1, instr(?1, '/') + 1)
           AND e.name = substr(?1, 1, instr(?1, '/') - 1)
        UNION ALL
        SELECT id, NULL, NULL, 2 FROM trial
         WHERE length(?1) >= 4 AND trial_hash >= ?1 AND trial_hash < ?1 || char(0x10FFFF)
        UNION ALL
        SELECT trial_id, name, experiment_id, 3 FROM experiment_trial
         WHERE length(?1) >= 4 AND name >= ?1 AND name < ?1 || char(0x10FFFF)) f
  JOIN trial t ON t.id = f.trial_id
  JOIN experiment e ON e.id = ifnull(f.experiment_id, t.experiment_id)
 GROUP BY t.id ORDER BY rank, t.id;
