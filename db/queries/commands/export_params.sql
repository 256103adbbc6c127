-- The parameters of the configs (numbers of export_trials) in the JSON list ?1.
SELECT p.config_id AS config, h.path, p.value, p.type
  FROM param p JOIN path h ON h.id = p.path_id
 WHERE p.config_id IN (SELECT value FROM json_each(?1))
 ORDER BY p.config_id, h.path;
