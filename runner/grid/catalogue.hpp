#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <common/json.hpp>

namespace saddle {

// Something a config can name with "use", as it describes itself.
struct Component {
  std::string kind;  // model, loss, dataset, metric, transform
  std::string name, version;
  std::string doc;
  Json description;            // the whole of it: parameters (JSON Schema), roles
  std::filesystem::path file;  // the plugin
  std::string sha256;          // of that file
  std::string plugin;          // the plugin's own name

  const Json& parameters() const { return description.at("parameters"); }
  const Json& roles() const { return description.at("roles"); }
};

// A plugin file that cannot be used, and why.
struct BrokenPlugin {
  std::filesystem::path file;
  std::string error;
};

// A component that an earlier file on the search path already gives.
struct ShadowedComponent {
  std::string kind, name, version;
  std::filesystem::path file, by;
};

struct DiscoverOptions {
  double silence_s = 3;  // a worker that takes longer over one file hangs in it
  double start_s = 60;   // for its own start: 0.3 s, and longer from a cold disk
  bool again = false;    // ask about files that crashed or hung before, too
  // With a value: other files than those with these hashes are not opened.
  std::optional<std::set<std::string>> only;
};

// The checkpoint that a grid names as {"experiment": NAME, "best": METRIC} or {"trial": NAME}, and whose it
// is.
struct TrainedWeights {
  std::filesystem::path file;
  Json trial;
};
using FindTrained = std::function<TrainedWeights(const Json& reference)>;  // throws Error

// All components that can be named. Reading is safe from several threads.
class Catalogue {
 public:
  // Everything on the search path (folders in order; within one, files by
  // name). Files not yet in the cache are described by the worker in a child
  // process; what crashes, hangs or answers nonsense becomes a BrokenPlugin, and
  // is remembered for an hour. Throws Error for a folder that anyone may write to.
  static Catalogue discover(const std::vector<std::filesystem::path>& folders,
                            const DiscoverOptions& options = {});

  // Adds what one plugin file holds, given the worker's answer for it
  // ({"ok": true, "plugin": ..., "components": [...]} or {"ok": false, "error": ...}).
  void add(const Json& answer, const std::filesystem::path& file, const std::string& sha256);

  // Null when there is none.
  const Component* find(const std::string& kind, const std::string& name) const;
  // Names of one kind, sorted.
  std::vector<std::string> names(const std::string& kind) const;
  // By kind (in the order of component_kinds), then name.
  std::vector<const Component*> components() const;
  const std::vector<BrokenPlugin>& broken() const { return broken_; }
  const std::vector<ShadowedComponent>& shadowed() const { return shadowed_; }

  // Set by whoever has a database.
  FindTrained find_trained;

 private:
  std::map<std::pair<std::string, std::string>, Component> components_;
  std::vector<BrokenPlugin> broken_;
  std::vector<ShadowedComponent> shadowed_;
};

// The kinds, in the order in which they are listed.
const std::vector<std::string>& component_kinds();

}  // namespace saddle
