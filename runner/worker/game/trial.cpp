#include <game/trial.hpp>

#include <set>

#include <common/paths.hpp>

namespace saddle::worker {

Trial Trial::from_json(const nlohmann::json& json) {
  Trial t;
  t.name = json.value("name", "");
  t.experiment = json.value("experiment", "");
  t.seed = json.value("seed", int64_t{0});
  t.config = json.at("config");
  for (const auto& [key, file] : json.at("plugins").items()) t.plugins[key] = file.get<std::string>();
  if (const auto pins = json.find("pins"); pins != json.end())
    for (const auto& [key, sha256] : pins->items())
      if (const auto plugin = t.plugins.find(key); plugin != t.plugins.end())
        pin_file(plugin->second, key, sha256.get<std::string>());
  return t;
}

Trial Trial::read(const std::filesystem::path& file) {
  try {
    return from_json(nlohmann::json::parse(read_file(file)));
  } catch (const nlohmann::json::exception& e) {
    throw Error(file.string() + ": not a trial: " + e.what());
  }
}

const Component& Trial::component(const std::string& kind, const nlohmann::json& entry) const {
  const std::string name = entry.at("use").get<std::string>();
  const auto found = plugins.find(kind + "/" + name);
  if (found == plugins.end()) throw Error("the trial names no plugin file for " + kind + " '" + name + "'");
  return find_component(found->second, kind, name);
}

nlohmann::json own_parameters(const std::string& kind, const nlohmann::json& entry) {
  static const std::map<std::string, std::set<std::string>> host_keys = {
      {"dataset", {"use", "labelled", "labelled_seed", "select"}},
      {"model", {"use", "role", "init", "norm", "from", "inputs", "side"}},
      {"loss", {"use", "weight", "players"}},
      {"metric",
       {"use", "every", "samples", "features", "features_weights", "weights", "batch_norm", "standing_passes",
        "truncation", "z_std", "split", "selected"}},
      {"transform", {"use"}}};
  nlohmann::json own = nlohmann::json::object();
  for (const auto& [key, value] : entry.items())
    if (!host_keys.at(kind).contains(key)) own[key] = value;
  return own;
}

std::string data_folder() { return saddle::data_folder().string(); }

}  // namespace saddle::worker
