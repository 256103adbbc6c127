-- Metrics and the ways in which they were measured; numbers of different protocols
-- do not belong in one column.
SELECT metric, protocol, count(*) AS trials, min(last) AS lowest, max(last) AS highest
  FROM finals
 WHERE protocol IS NOT NULL
 GROUP BY metric, protocol
 ORDER BY metric, trials DESC;
