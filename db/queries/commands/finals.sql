SELECT metric, protocol, last, kind, last_step, min, argmin, max, argmax, n, n_nan
  FROM finals WHERE trial = ?1 ORDER BY metric, protocol;
