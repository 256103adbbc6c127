#pragma once
#include "db/sqlite.hpp"

// SQL functions that SQLite lacks. Private to db/.
namespace saddle::db {

// median(x) and stddev(x) (sample, null for fewer than two), nulls ignored.
void add_functions(Connection& connection);

}  // namespace saddle::db
