-- Of each config of experiment ?1 (null: of all) that trials in the JSON list ?2
-- (null: any) have, the parameters whose paths are in the JSON list ?3; those of one
-- config after each other, since it is the outer loop.
SELECT r.config_hash, h.path, p.value
  FROM (SELECT config_hash, min(id) AS trial_id, config_id FROM trial
         WHERE (?1 IS NULL OR id IN (SELECT trial_id FROM experiment_trial WHERE experiment_id = ?1))
           AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
         GROUP BY config_hash) r
  CROSS JOIN param p ON p.config_id = r.config_id
                    AND p.path_id IN (SELECT id FROM path WHERE path IN (SELECT value FROM json_each(?3)))
  CROSS JOIN path h ON h.id = p.path_id;
