SELECT kind, name, step, path, bytes, sha256, media_type, attempt FROM artifacts WHERE trial = ?1 ORDER BY attempt, step, name;
