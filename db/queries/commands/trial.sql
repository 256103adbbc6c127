SELECT * FROM trials WHERE trial = ?1;
