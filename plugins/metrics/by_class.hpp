// What metrics that go class by class share.
#pragma once
#include "features.hpp"

#pragma GCC visibility push(hidden)
namespace saddle {

// The rows of each class, by their places in the set. Throws without labels, and where a class has fewer than
// `least` rows.
inline std::vector<std::vector<int64_t>> rows_by_class(const Tensor& labels, int64_t classes, size_t least,
                                                       const char* metric, const char* set) {
  if (!labels) throw Error(std::string(metric) + " needs labels, which the " + set + " set has not");
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(classes));
  const Tensor held = contiguous(labels);
  int64_t at = 0;
  for (const int64_t label : held.data<int64_t>()) {
    if (label < 0 || label >= classes)
      throw Error(std::string(metric) + ": a label " + std::to_string(label) + " in the " + set + " set of " +
                  std::to_string(classes) + " classes");
    rows[static_cast<size_t>(label)].push_back(at++);
  }
  for (size_t c = 0; c < rows.size(); ++c)
    if (rows[c].size() < least)
      throw Error(std::string(metric) + " needs at least " + std::to_string(least) +
                  " samples of each class; of class " + std::to_string(c) + " the " + set + " set has " +
                  std::to_string(rows[c].size()) + ": raise `samples`, or leave the metric out");
  return rows;
}

inline Tensor select_rows(const Tensor& x, const std::vector<int64_t>& rows) {
  return index_select(x, 0,
                      Tensor::from(std::span<const int64_t>(rows), {static_cast<int64_t>(rows.size())}));
}

}  // namespace saddle
#pragma GCC visibility pop
