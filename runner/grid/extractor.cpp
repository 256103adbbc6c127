#include <grid/extractor.hpp>

#include <algorithm>
#include <filesystem>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <common/paths.hpp>
#include <grid/file_hashes.hpp>
#include <grid/host_schema.hpp>
#include <grid/past.hpp>

namespace saddle {
namespace {
namespace fs = std::filesystem;

constexpr const char* kRole = "features";

// Names of the models that play the role.
std::vector<std::string> extractors(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const std::string& name : catalogue.names("model"))
    if (catalogue.find("model", name)->roles().contains(kRole)) names.push_back(name);
  return names;
}

// The file that the "weights" of a resolved entry mean; empty for none.
fs::path weights_file(const Json& config) {
  const auto weights = config.find("weights");
  if (weights == config.end() || !weights->is_string() || *weights == "random") return {};
  const auto name = weights->get<std::string>();
  return name.empty() ? extractor_weights(config.at("use").get<std::string>()) : fs::absolute(name);
}

void add_weights(Entry& entry, const Json& written, const std::string& pointer) {
  const auto fault = [&](const char* key, const std::string& text) {
    entry.faults.push_back({pointer_child(pointer, key), text, false});
  };
  const fs::path file = weights_file(entry.config);
  const std::string pinned = written.contains("sha256") ? entry.config.value("sha256", "") : "";
  if (file.empty()) {
    if (!pinned.empty()) fault("sha256", "there is no file of weights that could have this hash");
    return;
  }
  const bool named = !entry.config["weights"].get_ref<const std::string&>().empty();
  if (std::error_code error; !fs::is_regular_file(file, error)) {
    const auto use = entry.config["use"].get<std::string>();
    return fault(named ? "weights" : "use",
                 "there is no file " + file.string() +
                     (named ? ". Name a safetensors file with the weights of \"" + use + "\""
                            : ". `./saddle fetch " + use +
                                  "` puts its weights there; or name a file with \"weights\""));
  }
  FileHashes hashes;
  std::string found;
  try {
    found = hashes.of(file);
  } catch (const Error& e) {
    return fault(named ? "weights" : "use", e.what());
  }
  hashes.save();
  if (!pinned.empty() && pinned != found)
    return fault("sha256", file.string() + " has the SHA-256 " + found + ", not " + pinned);
  if (named) entry.config["weights"] = file.string();
  entry.config["sha256"] = found;
  for (const char* where : {"weights", "trained"}) entry.identity.erase(where);
  entry.identity["sha256"] = found;
}

}  // namespace

namespace {

// The entry with the file of a trial's checkpoint in place of {"experiment", "best"} or {"trial"}.
Json with_file(const Catalogue& catalogue, const Json& written, const std::string& pointer,
               std::vector<SchemaFault>& faults) {
  if (!written.is_object() || !written.value("weights", Json()).is_object()) return written;
  const std::string place = pointer_child(pointer, "weights");
  const std::size_t before = faults.size();
  const Json reference =
      apply_schemas({&host_schema()["trained_weights"]}, written["weights"], place, "weights",
                    [&](const std::string& at, const std::string& text, bool at_key) {
                      faults.push_back({at, text, at_key});
                    });
  Json plain = written;
  plain["weights"] = "random";
  if (faults.size() > before) return plain;
  if (const auto found = find_trained(catalogue, reference, place, faults)) {
    plain["weights"] = found->file.string();
    plain["trained"] = found->trial;
  }
  return plain;
}

}  // namespace

Entry check_extractor(Entries& entries, const Catalogue& catalogue, const Json& written,
                      const std::string& pointer) {
  std::vector<SchemaFault> faults;
  Entry entry = *entries.component("extractor", with_file(catalogue, written, pointer, faults), pointer);
  entry.faults.insert(entry.faults.end(), faults.begin(), faults.end());
  if (entry.component == nullptr) return entry;
  const Json& roles = entry.component->roles();
  if (!roles.contains(kRole)) {
    entry.faults.push_back({pointer_child(pointer, "use"),
                            "model \"" + entry.component->name +
                                "\" is no feature extractor: it has no role \"features\". " +
                                suggestion(entry.component->name, extractors(catalogue)),
                            false});
    return entry;
  }
  const Json& outputs = roles[kRole]["outputs"];
  const Json& output = entry.config["output"];
  if (output.is_string() && std::find(outputs.begin(), outputs.end(), output) == outputs.end())
    entry.faults.push_back(
        {pointer_child(pointer, "output"),
         "model \"" + entry.component->name + "\" has no such output. " +
             suggestion(output.get<std::string>(), outputs.get<std::vector<std::string>>()),
         false});
  if (entry.faults.empty()) add_weights(entry, written, pointer);
  return entry;
}

}  // namespace saddle
