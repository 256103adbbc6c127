-- What should be true of the rows and is not: a sentence each.
WITH RECURSIVE
  -- The attempts that have values: a seek each, whatever the number of values.
  measured(id) AS (SELECT min(attempt_id) FROM metric
                   UNION ALL
                   SELECT (SELECT min(attempt_id) FROM metric WHERE attempt_id > measured.id)
                     FROM measured WHERE measured.id IS NOT NULL),
  counted(trial_id, attempts) AS (SELECT trial_id, count(*) FROM attempt GROUP BY trial_id)
SELECT 'values of attempt ' || id || ', which is not there'
  FROM measured WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM attempt)
UNION ALL
SELECT 'artifact ' || path || ' of attempt ' || attempt_id || ', which is not there'
  FROM artifact WHERE attempt_id NOT IN (SELECT id FROM attempt)
UNION ALL
SELECT 'trial ' || t.name || ' counts ' || t.attempts || ' attempts and has ' || ifnull(c.attempts, 0)
  FROM trial t LEFT JOIN counted c ON c.trial_id = t.id WHERE t.attempts <> ifnull(c.attempts, 0)
UNION ALL
SELECT 'the last attempt of trial ' || t.name || ' is neither its newest nor its result'
  FROM trial t WHERE t.last_attempt_id IS NOT
       -- A merge may bring an attempt after the one that has the result.
       (SELECT id FROM attempt WHERE trial_id = t.id
         ORDER BY ifnull(reason IN ('ok', 'diverged'), 0) AND valid_until >= 0 DESC, number DESC LIMIT 1)
UNION ALL
SELECT 'trial ' || t.name || ' is ' || t.state || ', and its last attempt ' || ifnull('ended as ' || a.reason, 'runs')
  FROM trial t JOIN attempt a ON a.id = t.last_attempt_id
 WHERE (t.state = 'running') <> (a.reason IS NULL) OR (t.state = 'done' AND a.reason NOT IN ('ok', 'diverged', 'pruned'))
UNION ALL
SELECT 'trial ' || name || ' belongs to no experiment'
  FROM trial WHERE id NOT IN (SELECT trial_id FROM experiment_trial)
UNION ALL
SELECT 'trial ' || t.name || ' says ' || ifnull(s.n, 0) || ' values of ' || k.name || ' and has ' || ifnull(v.n, 0)
  FROM (SELECT a.trial_id, m.key_id, count(*) AS n
          FROM attempt a JOIN metric m ON m.attempt_id = a.id
         WHERE m.step <= a.valid_until AND (a.start_step < 0 OR m.step > a.start_step)
         GROUP BY a.trial_id, m.key_id) v
  JOIN trial t ON t.id = v.trial_id
  LEFT JOIN trial_summary s ON s.trial_id = v.trial_id AND s.key_id = v.key_id
  LEFT JOIN metric_key k ON k.id = v.key_id
 WHERE t.state <> 'running' AND s.n IS NOT v.n;
