-- Of the parameters in the JSON list ?1 two that a config has with different
-- values; nothing if they are the same wherever there are several.
SELECT a.path, b.path
  FROM path a
  JOIN path b ON b.path > a.path
  JOIN param p ON p.path_id = a.id
  JOIN param q ON q.config_id = p.config_id AND q.path_id = b.id
 WHERE a.path IN (SELECT value FROM json_each(?1)) AND b.path IN (SELECT value FROM json_each(?1))
   AND p.value IS NOT q.value
 LIMIT 1;
