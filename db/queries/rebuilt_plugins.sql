-- Components of which results of more than one binary are in the database.
SELECT component, version, sha256, count(DISTINCT trial) AS trials, min(trial_name) AS one_of_them, file
  FROM plugins_used u
 WHERE (SELECT count(DISTINCT sha256) FROM plugins_used o WHERE o.component = u.component) > 1
 GROUP BY component, version, sha256
 ORDER BY component, version, trials DESC;
