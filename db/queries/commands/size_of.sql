-- How much the trials in the JSON list ?1 hold: values, artifacts, bytes of artifacts.
SELECT (SELECT count(*) FROM attempt a JOIN metric m ON m.attempt_id = a.id
         WHERE a.trial_id IN (SELECT value FROM json_each(?1))) AS number,
       count(f.id) AS artifacts, ifnull(sum(f.bytes), 0) AS bytes
  FROM attempt a JOIN artifact f ON f.attempt_id = a.id
 WHERE a.trial_id IN (SELECT value FROM json_each(?1));
