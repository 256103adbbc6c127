#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <common/condition.hpp>
#include <common/json.hpp>

namespace saddle {

// What is true of some configs: a condition (common/condition.hpp), whose names
// are paths of the config, or an object of paths and values. A part * of a path is
// any entry of a list or object; one that fits is enough.
class Pattern {
 public:
  using Path = std::vector<std::string>;
  // A section of the config ("models"), or "seed", or "name"; null when it has none.
  using Sections = std::function<const Json*(const std::string& section)>;

  // `known` are the first parts of paths that may be named. Throws Error that
  // begins with `place`.
  static Pattern parse(const std::string& text, const std::string& place,
                       const std::vector<std::string>& known);
  // {PATH: value, ...}: all of them. Objects agree in the keys that the pattern
  // names, lists entry by entry, numbers by value. No path may be empty.
  static Pattern all_of(const Json& object);

  bool holds(const Sections& sections) const;

  // Every path that it names, in the order in which they stand.
  const std::vector<Path>& paths() const { return paths_; }
  bool uses(const std::string& section) const;

  // Whether something is at the path.
  static bool exists(const Path& path, const Sections& sections);

 private:
  std::optional<Condition> condition_;
  std::vector<std::pair<Path, Json>> all_;
  std::vector<Path> paths_;
};

// "models.generator.width"
std::string joined_path(const Pattern::Path& path);

}  // namespace saddle
