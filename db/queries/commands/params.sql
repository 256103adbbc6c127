SELECT path, value, type FROM params WHERE trial = ?1 ORDER BY path;
