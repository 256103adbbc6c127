#pragma once
#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <common/json.hpp>

// Plugins that were built once, under two workers: that of this build and one built with an older LibTorch.
namespace saddle::test {

using Arguments = std::vector<std::string>;
using Tensors = std::map<std::string, at::Tensor>;

enum class Worker { newer, older };
inline constexpr Worker kBoth[] = {Worker::newer, Worker::older};
const char* name_of(Worker worker);

// False, after saying so, when there is no older worker: ctest shows the test as skipped.
bool has_older_worker();

// A program run to its end; what it wrote to stdout. `saddle` uses the worker given.
std::string run_worker(Worker worker, Arguments arguments);
std::string run_saddle(Worker worker, Arguments arguments);

// What `saddle-worker describe` says of plugin files, by file.
std::map<std::string, Json> describe(Worker worker, const Arguments& files);
// The file of a bundled plugin: "loss_hinge".
std::string bundled(const std::string& plugin);

// Components of that kind that both workers load: all but those of the native tier.
std::vector<Json> shared_components(const std::string& kind);

// A folder that goes when the test ends.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

// The same names, and for each the same numbers but for rounding: differences up to `tolerance` of the
// largest.
void check_same(const Tensors& newer, const Tensors& older, double tolerance);

}  // namespace saddle::test
