#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

namespace saddle::test {

using nlohmann::json;

// A small trial with every default filled in: an MLP pair on a ring of Gaussians with the hinge loss.
json trial_json();
// An entry with the component's defaults filled in; the component's plugin is added to the trial.
json entry(json& trial, const std::string& kind, const std::string& name, json given = json::object());

// What an attempt told saddle.
struct Told {
  std::vector<json> events, artifacts;
  std::vector<std::tuple<std::string, int64_t, double>> rows;  // without images_per_second
  const json& finished() const { return events.back(); }
};
// Runs an attempt in this process, reading its frames on another thread.
Told run(const json& trial, const std::filesystem::path& folder,
         const std::filesystem::path& checkpoint = {});

// 64 lopsided pictures of 8 x 8 in MNIST's format, as both splits.
void write_idx(const std::filesystem::path& folder);

// A folder of its own for each test; removed with it.
struct Scratch {
  Scratch();
  ~Scratch();
  std::filesystem::path folder;
};

// saddle's cache folder is elsewhere for as long as it lives.
class OwnCache {
 public:
  explicit OwnCache(const std::filesystem::path& folder);
  ~OwnCache();

 private:
  std::optional<std::string> before_;
};

}  // namespace saddle::test
