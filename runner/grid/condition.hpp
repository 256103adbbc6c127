#pragma once
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <common/json.hpp>

namespace saddle {

// What is true of some configs:
//
//   models.generator.width >= 32 and not (losses.*.use in ["r1", "kdd"] or seed == 3)
//
// A path is names with dots between; * stands for any entry of a list or object,
// and one that fits is enough. Beside it stands a JSON value, a word in single
// quotes, or another path. A path alone: it is there, and neither false nor null.
// A comparison with what is not there, or between things that have no order, is false.
class Condition {
 public:
  using Path = std::vector<std::string>;
  // A section of the config ("models", or "seed"), null when it has none.
  using Sections = std::function<const Json*(const std::string& section)>;

  // Why a text is no condition, and where in it.
  struct Fault : std::runtime_error {
    Fault(std::size_t at, const std::string& text) : std::runtime_error(text), offset(at) {}
    std::size_t offset;
  };

  // Throws Fault.
  static Condition parse(const std::string& text);
  // {PATH: value, ...}: all of them. Objects agree in the keys that the pattern
  // names, lists entry by entry, numbers by value. No path may be empty.
  static Condition all_of(const Json& pattern);

  bool holds(const Sections& sections) const { return holds(root_, sections); }

  // Every path that it names, in the order in which they stand.
  const std::vector<Path>& paths() const { return paths_; }
  bool uses(const std::string& section) const;

  // Whether something is at the path.
  static bool exists(const Path& path, const Sections& sections);

 private:
  enum class Kind { all, any, none, compare, present, matches };
  struct Node {
    Kind kind = Kind::all;
    std::vector<Node> nodes;
    std::size_t path = 0, other = 0;  // index into paths_; other: no_path for `value`
    std::string sign;                 // == != < <= > >= in
    Json value;
  };
  static constexpr std::size_t no_path = static_cast<std::size_t>(-1);
  friend class ConditionParser;

  bool holds(const Node& node, const Sections& sections) const;

  Node root_;
  std::vector<Path> paths_;
};

// "models.generator.width"
std::string joined_path(const Condition::Path& path);

}  // namespace saddle
