#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include <common/error.hpp>

namespace saddle {

// Collects what is wrong with a file, so that one look mends it all.
class Problems {
 public:
  static constexpr std::size_t kShown = 10;

  // "file:line:col /pointer: text". The same line twice (from several points of
  // the grid) is one problem.
  void add(const std::string& where, const std::string& pointer, const std::string& text) {
    add_line(where + (pointer.empty() ? "" : " " + pointer) + ": " + text);
  }

  void add(const Problems& others) {
    for (const std::string& line : others.lines_) add_line(line);
  }

  // The same, already put together.
  void add_line(const std::string& line) {
    if (std::find(lines_.begin(), lines_.end(), line) != lines_.end()) return;
    if (lines_.size() <= kShown) lines_.push_back(line);
  }

  bool any() const { return !lines_.empty(); }
  bool many() const { return lines_.size() > kShown; }

  // Throws Error with the first ten lines if there is any.
  void throw_if_any() const {
    if (!any()) return;
    std::string text;
    for (std::size_t i = 0; i < std::min(lines_.size(), kShown); ++i) text += (i ? "\n" : "") + lines_[i];
    if (many()) text += "\n... and more; mend these first";
    throw Error(text);
  }

 private:
  std::vector<std::string> lines_;
};

}  // namespace saddle
