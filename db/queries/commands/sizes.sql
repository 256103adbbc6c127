-- Parameters of each player, as the last attempt said.
SELECT player.key AS player, player.value AS parameters
  FROM events, json_each(CASE WHEN json_valid(events.data) THEN events.data END, '$.parameters') AS player
 WHERE events.trial = ?1 AND events.type = 'started'
   AND events.attempt = (SELECT max(attempt) FROM events WHERE trial = ?1 AND type = 'started')
 ORDER BY 1;
