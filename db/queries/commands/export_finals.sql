-- What trial ?1 came to; key_id as in metric_keys.
SELECT key_id, last, last_kind AS kind, last_step, min, argmin, max, argmax, n, n_nan
  FROM trial_summary WHERE trial_id = ?1;
