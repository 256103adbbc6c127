-- Trials that are done, with those of the binaries in the JSON list ?1 that their
-- result was made with.
SELECT t.id AS trial, u.plugin_id
  FROM trial t JOIN attempt_plugin u ON u.attempt_id = t.last_attempt_id
 WHERE t.state = 'done' AND u.plugin_id IN (SELECT value FROM json_each(?1));
