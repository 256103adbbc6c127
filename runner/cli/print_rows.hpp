#pragma once
#include <map>
#include <string>
#include <string_view>

#include <db/reader.hpp>

namespace CLI {
class App;
}

// What `sql` and `queries` share: a question of the user's, its bounds, and how
// the answer is printed.
namespace saddle::cli {

struct RowOptions {
  bool json = false, csv = false;
  std::size_t limit = 10'000;  // 0: none
  double timeout_s = 30;       // 0: none
};

void add_row_options(CLI::App& command, RowOptions& options);

// Says so on standard error where rows were cut; an Error where the time was over.
// `short_protocols`: in a table, of a column "protocol" only what differs.
void print_query(db::Reader& reader, std::string_view sql, const std::map<std::string, db::Value>& values,
                 const RowOptions& options, bool short_protocols = false);

}  // namespace saddle::cli
