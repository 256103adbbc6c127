-- Attempts of the trial ?1 that have a folder, the newest first.
SELECT id, folder FROM attempt WHERE trial_id = ?1 AND folder <> '' ORDER BY number DESC;
