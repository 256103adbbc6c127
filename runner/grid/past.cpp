#include <grid/past.hpp>

#include <filesystem>

#include <common/error.hpp>
#include <grid/file_hashes.hpp>
#include <grid/host_schema.hpp>

namespace saddle {
namespace {
namespace fs = std::filesystem;

constexpr const char* kLeading[] = {"experiment", "best", "trial", "file", "trained"};

}  // namespace

std::optional<TrainedWeights> find_trained(const Catalogue& catalogue, const Json& reference,
                                           const std::string& pointer, std::vector<SchemaFault>& faults) {
  const auto has = [&](const char* key) { return reference.contains(key); };
  if (has("trial") == (has("experiment") || has("best")) || has("experiment") != has("best")) {
    faults.push_back(
        {pointer,
         "expected {\"experiment\": NAME, \"best\": METRIC} or {\"trial\": NAME}, found " + reference.dump(),
         false});
    return std::nullopt;
  }
  try {
    if (!catalogue.find_trained) throw Error("there is no database here to find a trial in");
    return catalogue.find_trained(reference);
  } catch (const Error& e) {
    faults.push_back({pointer, e.what(), false});
    return std::nullopt;
  }
}

Past check_past(const Catalogue& catalogue, const char* name, const Json& written, const std::string& pointer,
                std::vector<SchemaFault>& faults) {
  const Json& schema = host_schema()[name];
  const std::size_t before = faults.size();
  Past past;
  past.config = apply_schemas({&schema}, written, pointer, "from",
                              [&](const std::string& at, const std::string& text, bool at_key) {
                                faults.push_back({at, text, at_key});
                              });
  if (faults.size() > before || !past.config.is_object()) return past;
  Json& config = past.config;
  if (config.size() == 1 && config.contains("player")) {  // of the game itself
    past.identity = config;
    return past;
  }
  const std::string pinned = config.value("sha256", "");
  fs::path file;
  const bool named = config.contains("trial") || config.contains("experiment") || config.contains("best");
  if (config.contains("file")) {
    if (named) {
      faults.push_back({pointer_child(pointer, "file"),
                        "there is a trial named as well: leave one of the two out", false});
      return past;
    }
    file = fs::absolute(config["file"].get<std::string>());
    if (std::error_code error; !fs::is_regular_file(file, error)) {
      faults.push_back({pointer_child(pointer, "file"),
                        "there is no file " + file.string() + ". Name the checkpoint of a trial", false});
      return past;
    }
  } else {
    const auto found = find_trained(catalogue, config, pointer, faults);
    if (!found) return past;
    file = found->file;
    for (const char* key : kLeading) config.erase(key);
    config["trained"] = found->trial;
  }
  config["file"] = file.string();
  FileHashes hashes;
  try {
    config["sha256"] = hashes.of(file);
  } catch (const Error& e) {
    faults.push_back({pointer, e.what(), false});
    return past;
  }
  hashes.save();
  if (!pinned.empty() && config["sha256"] != pinned)
    faults.push_back(
        {pointer_child(pointer, "sha256"),
         file.string() + " has the SHA-256 " + config["sha256"].get<std::string>() + ", not " + pinned,
         false});
  past.identity = drop_defaults({&schema}, config);
  for (const char* key : kLeading) past.identity.erase(key);
  return past;
}

}  // namespace saddle
