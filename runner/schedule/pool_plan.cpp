#include <schedule/pool_plan.hpp>

#include <charconv>
#include <cstdio>
#include <set>
#include <unordered_map>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>

namespace saddle::schedule {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;

// Two plugins may have one file name and lie in different folders.
fs::path copy_of(const fs::path& file, const std::string& sha256, const fs::path& folder) {
  return folder / (file.stem().string() + "-" + sha256.substr(0, 8) + file.extension().string());
}

}  // namespace

void PoolPlan::write(const fs::path& plan_file) {
  const fs::path folder = plan_file.parent_path() / "plugins";
  fs::create_directories(folder);
  Json files = Json::object();
  for (auto& [component, plugin] : plugins) {
    const fs::path copy = copy_of(plugin.file, plugin.sha256, folder);
    std::error_code error;
    if (!fs::exists(copy, error)) fs::copy_file(plugin.file, copy, error);
    if (error)
      throw Error("cannot copy " + plugin.file.string() + " to " + copy.string() + ": " + error.message(),
                  kEnvironment);
    if (sha256_file(copy) != plugin.sha256)
      throw Error(plugin.file.string() + ": was rebuilt in this moment; submit once more", kEnvironment);
    plugin.original = plugin.file.string();
    plugin.file = copy;
    files[component] = {
        {"file", copy.filename().string()}, {"original", plugin.original}, {"sha256", plugin.sha256}};
  }
  Json list = Json::array(), texts = Json::array();
  std::unordered_map<std::string, std::size_t> known;  // the seeds of a config share it
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const db::PlannedTrial& trial = trials[i];
    const auto [config, fresh] = known.emplace(trial.config_json, known.size());
    if (fresh) texts.push_back(configs[i]);
    list.push_back({{"name", trial.name},
                    {"ordinal", trial.ordinal},
                    {"config_hash", trial.config_hash},
                    {"trial_hash", trial.trial_hash},
                    {"seed", trial.seed},
                    {"config", config->second}});
  }
  const Json plan = {{"saddle_plan", kFormat},
                     {"experiment",
                      {{"name", experiment.name},
                       {"spec", experiment.spec_text},
                       {"spec_sha256", experiment.spec_sha256},
                       {"file", experiment.file},
                       {"git_commit", experiment.git_commit},
                       {"git_dirty", experiment.git_dirty}}},
                     {"sets", sets},
                     {"rules", rules},
                     {"plugins", files},
                     {"trials", list},
                     {"configs", texts}};
  if (!replace_file(plan_file, plan.dump(1) + "\n"))
    throw Error("cannot write " + plan_file.string() + ": is the disk full, or the folder not yours?",
                kEnvironment);
}

PoolPlan PoolPlan::read(const fs::path& plan_file) try {
  const Json json = Json::parse(read_file(plan_file));
  if (!json.is_object() || !json.contains("saddle_plan"))
    throw Error(plan_file.string() + ": is no plan of saddle submit");
  if (json.at("saddle_plan") != kFormat)
    throw Error(plan_file.string() + ": is a plan of format " + json.at("saddle_plan").dump() +
                ", this Saddle reads " + std::to_string(kFormat) +
                ". Use the Saddle that submitted it, or submit anew: saddle resume --slurm");
  PoolPlan plan;
  const Json& experiment = json.at("experiment");
  plan.experiment = {.name = experiment.at("name"),
                     .spec_text = experiment.at("spec"),
                     .spec_sha256 = experiment.at("spec_sha256"),
                     .file = experiment.at("file"),
                     .git_commit = experiment.at("git_commit"),
                     .git_dirty = experiment.at("git_dirty")};
  plan.sets = json.at("sets").get<std::vector<std::string>>();
  plan.rules = json.at("rules");
  for (const auto& [component, entry] : json.at("plugins").items()) {
    PoolPlugin plugin;
    plugin.file = fs::absolute(plan_file).parent_path() / "plugins" / entry.at("file").get<std::string>();
    plugin.original = entry.at("original");
    plugin.sha256 = entry.at("sha256");
    const std::string now = sha256_file(plugin.file);
    if (now != plugin.sha256)
      throw Error(plugin.file.string() + ": is not the plugin of " + component +
                      " that was submitted (SHA-256 " + now.substr(0, 10) + ", it was " +
                      plugin.sha256.substr(0, 10) + "). Submit anew: saddle resume --slurm",
                  kEnvironment);
    plan.plugins.emplace(component, std::move(plugin));
  }
  std::vector<std::string> texts;
  for (const Json& config : json.at("configs")) texts.push_back(config.dump());
  for (const Json& entry : json.at("trials")) {
    const auto config = entry.at("config").get<std::size_t>();
    db::PlannedTrial trial;
    trial.name = entry.at("name");
    trial.ordinal = entry.at("ordinal");
    trial.config_hash = entry.at("config_hash");
    trial.trial_hash = entry.at("trial_hash");
    trial.seed = entry.at("seed");
    trial.config_json = texts.at(config);
    plan.trials.push_back(std::move(trial));
    plan.configs.push_back(json.at("configs").at(config));
  }
  return plan;
} catch (const Json::exception& e) {
  throw Error(plan_file.string() + ": is damaged: " + e.what() + ". Submit anew: saddle resume --slurm");
} catch (const std::out_of_range&) {
  throw Error(plan_file.string() +
              ": is damaged: a trial without a config. Submit anew: saddle resume --slurm");
}

Slice Slice::parse(const std::string& text) {
  Slice slice;
  const char* end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, slice.number);
  bool good = number.ec == std::errc() && number.ptr != end && *number.ptr == '/';
  if (good) {
    const auto of = std::from_chars(number.ptr + 1, end, slice.of);
    good = of.ec == std::errc() && of.ptr == end;
  }
  if (!good || slice.number < 1 || slice.number > slice.of)
    throw Error("--slice " + text + ": expected I/N with 1 <= I <= N, as 3/8");
  return slice;
}

std::string Slice::name() const {
  char text[64];
  std::snprintf(text, sizeof(text), "slice-%04zu-of-%04zu", number, of);
  return text;
}

}  // namespace saddle::schedule
