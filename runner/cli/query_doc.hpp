#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <db/reader.hpp>

namespace saddle::cli {

// A named query as the comment that it begins with describes it:
//   -- What it answers, on one line or more.
//   -- :metric  what the parameter is
//   -- :n       another one [10]
struct QueryDoc {
  struct Parameter {
    std::string name, doc;
    std::optional<db::Value> otherwise;  // the text in brackets; [all] is NULL; none: it must be given
  };
  std::string doc;
  std::vector<Parameter> parameters;
};

QueryDoc describe_query(std::string_view sql);

// 3, 0.5 or text.
db::Value value_of(const std::string& text);

// "metric=frechet" and more, as values by name. Throws Error (for `option`).
std::map<std::string, db::Value> assignments(const std::vector<std::string>& texts,
                                             const std::string& option);

}  // namespace saddle::cli
