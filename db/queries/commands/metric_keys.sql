-- The ways in which metrics were measured, by the numbers that finals_of and
-- ranking use; of the metric ?1 only, unless it is null.
SELECT id, name, nullif(protocol, '') AS protocol FROM metric_key WHERE ?1 IS NULL OR name = ?1;
