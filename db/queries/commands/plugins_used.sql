SELECT component, version, sha256, file, group_concat(DISTINCT attempt) AS attempts
  FROM plugins_used WHERE trial = ?1 GROUP BY component, version, sha256, file ORDER BY component;
