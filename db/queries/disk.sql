-- Files that trials left, and what they take, by experiment and kind.
SELECT t.experiment, a.kind, count(*) AS files, sum(a.bytes) AS bytes
  FROM artifacts a JOIN trials t ON t.trial = a.trial
 GROUP BY t.experiment, a.kind
 ORDER BY bytes DESC;
