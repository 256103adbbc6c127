SELECT time, type, message, attempt FROM events WHERE trial = ?1 ORDER BY time;
