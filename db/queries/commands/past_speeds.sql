-- Seconds for a round in the latest 2,000 attempts that gave a result: hash and text
-- of the config, seconds.
SELECT t.config_hash, c.text, (a.ended_ms - a.started_ms) / 1000.0 / (a.last_step - max(a.start_step, 0)) AS seconds
  FROM attempt a
  JOIN trial t ON t.id = a.trial_id
  JOIN config c ON c.id = t.config_id
 WHERE a.reason IN ('ok', 'pruned', 'paused') AND a.last_step > max(a.start_step, 0)
 ORDER BY a.id DESC
 LIMIT 2000;
