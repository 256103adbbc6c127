#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <common/json.hpp>
#include <grid/pattern.hpp>
#include <grid/plan.hpp>
#include <grid/problems.hpp>
#include <grid/source.hpp>

namespace saddle {

// A value put at a path of the config: by a point of a sweep axis, or by --set.
struct Override {
  std::vector<std::string> path;  // "losses.0.margin" in parts
  std::string pointer;            // the same as a JSON pointer
  Json value;
  std::string source;      // pointer to the value in the grid file
  std::string key_source;  // pointer to the entry whose key names the path
  std::string set;         // "--set path=value" when it comes from there instead
};

struct AxisPoint {
  std::vector<Override> overrides;  // several for a zip or a branch
  std::string text;                 // "32", "hinge+r1": for tables
  std::string slug;                 // "width32": for names
};

struct Axis {
  std::string label;  // its key under "sweep"
  std::vector<AxisPoint> points;
  std::string count;  // "3"; of a oneOf "(1 + 2 x 3)"
};

// What is left out of the grid.
struct Exclusion {
  Pattern pattern;
  std::string pointer;  // where it stands in the file
};

// A grid file before it is expanded.
struct Spec {
  Source source;
  Json base;  // the config sections as written, without the grid's own keys
  std::string name;
  std::vector<Axis> axes;  // in file order
  std::vector<Exclusion> exclude;
  std::vector<std::int64_t> seeds;
  Rules rules;
  std::vector<Override> sets;
  std::vector<std::string> notices;  // sweeps that --set took the place of
};

// The sections of a config, as opposed to the grid's own keys.
const std::vector<std::string>& config_sections();

// Reads the grid's own language. What is wrong with it is added to `problems`.
std::shared_ptr<const Spec> read_spec(Source source, const std::vector<std::string>& sets,
                                      Problems& problems);

// A --set argument, "losses.0.use=hinge": its value is JSON, or else a string. What
// is wrong with it is added to `problems`.
std::optional<Override> parse_set(const std::string& argument, Problems& problems);

// "losses.0.margin" in parts; empty when a part is empty.
std::vector<std::string> split_path(const std::string& path);

// Puts the value at the path; objects on the way are made. Returns why it cannot, or "".
std::string set_at(Json& root, const std::vector<std::string>& path, const Json& value);

// One point of the grid, and where each of its values was written.
class Origin {
 public:
  Origin(std::shared_ptr<const Spec> spec, std::vector<std::size_t> points)
      : spec_(std::move(spec)), points_(std::move(points)) {}

  // The config as written: the base, the point's overrides, then --set. What
  // cannot be put in its place is added to `problems`.
  Json compose(Problems& problems) const;

  // "file:line:col", of a value in the base or of the sweep's value that
  // replaced it; or "--set ...".
  std::string where(const std::string& pointer, bool key = false) const;

 private:
  std::vector<const Override*> overrides() const;

  std::shared_ptr<const Spec> spec_;
  std::vector<std::size_t> points_;  // index of the point on each axis
};

}  // namespace saddle
