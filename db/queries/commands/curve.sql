-- The curve of metric ?2 of trial ?1, one protocol after the other.
SELECT step, value, kind, protocol FROM metrics WHERE trial = ?1 AND metric = ?2 ORDER BY protocol, step;
