SELECT attempt, reason, start_step, last_step, started, seconds, host, threads, device, libtorch, isa,
       exit_code, signal, message, folder
  FROM attempts WHERE trial = ?1 ORDER BY attempt;
