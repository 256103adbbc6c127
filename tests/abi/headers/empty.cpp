// The header under test is given by -include.
