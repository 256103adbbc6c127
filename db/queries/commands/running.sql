-- Attempts that have not ended, with how far they are; by experiment, in the order
-- in which they began. A trial of several experiments is shown under the first.
SELECT a.trial, a.name, t.experiment, a.attempt, a.pid, a.step, a.steps, a.steps_per_second, a.started, a.told
  FROM attempts a JOIN trials t USING (trial)
 WHERE a.reason IS NULL
 ORDER BY t.experiment, a.started, a.trial;
