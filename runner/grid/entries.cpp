#include <grid/entries.hpp>

#include <common/nearest.hpp>
#include <grid/host_schema.hpp>

namespace saddle {
namespace {

Report into(std::vector<SchemaFault>& faults) {
  return [&faults](const std::string& pointer, const std::string& text, bool at_key) {
    faults.push_back({pointer, text, at_key});
  };
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

// The schemas of an entry whose "use" chooses among the host's own; none, with a
// report, when it does not.
std::vector<const Json*> chosen(const Json& host, const Json& written, const std::string& pointer,
                                const std::string& what, const Report& report) {
  const Json fallback = host["all"]["properties"]["use"].value("default", Json());
  const Json use = written.is_object() ? written.value("use", fallback) : Json();
  if (!use.is_string()) {
    report(pointer, "expected an object {\"use\": NAME, ...}, found " + describe_value(written), false);
    return {};
  }
  if (!host["use"].contains(use.get<std::string>())) {
    report(pointer + "/use",
           "no " + what + " " + use.dump() + ". " + suggestion(use.get<std::string>(), keys(host["use"])),
           false);
    return {};
  }
  return {&host["all"], &host["use"][use.get<std::string>()]};
}

void add_schedule(Entry& entry, const std::string& pointer, const Json& rounds, const Report& report) {
  const Json written = entry.config.value("schedule", Json::object());
  const std::vector<const Json*> schemas =
      chosen(host_schema()["schedule"], written, pointer, "schedule", report);
  if (schemas.empty()) return;
  Json schedule = apply_schemas(schemas, written, pointer,
                                "schedule " + written.value("use", Json("constant")).dump(), report);
  Json identity = drop_defaults(schemas, schedule);
  if (schedule["use"] == "linear") {
    if (!schedule.contains("to")) schedule["to"] = rounds;
    if (schedule["to"] == rounds) identity.erase("to");
    if (schedule["from"].is_number() && schedule["to"].is_number() && schedule["from"] >= schedule["to"]) {
      report(pointer,
             "a linear schedule from round " + schedule["from"].dump() + " to round " +
                 schedule["to"].dump() + " has no length; expected from < to (default: train.rounds)",
             false);
    }
  }
  entry.identity.erase("schedule");
  if (!identity.empty()) entry.identity["schedule"] = std::move(identity);
  entry.config["schedule"] = std::move(schedule);
}

Entry check_optimizer(const Json& written, const std::string& pointer, const Json& rounds) {
  Entry entry;
  const Report report = into(entry.faults);
  const std::vector<const Json*> schemas =
      chosen(host_schema()["optimizer"], written, pointer, "optimizer", report);
  entry.config = written;
  if (schemas.empty()) return entry;
  Json& config = entry.config =
      apply_schemas(schemas, written, pointer, "optimizer " + written["use"].dump(), report);
  entry.identity = drop_defaults(schemas, config);
  entry.identity["use"] = config["use"];
  if (config["use"] == "sgd" && config["nesterov"] == true &&
      (config["momentum"] == 0.0 || config["dampening"] != 0.0))
    report(pointer + "/nesterov", "nesterov needs momentum > 0 and dampening 0", false);
  add_schedule(entry, pointer + "/schedule", rounds, report);
  return entry;
}

}  // namespace

std::shared_ptr<const Entry> Entries::component(const std::string& kind, const Json& written,
                                                const std::string& pointer) {
  std::shared_ptr<const Entry>& known = known_[kind + " " + pointer + " " + written.dump()];
  if (!known) known = std::make_shared<const Entry>(check_component(kind, written, pointer));
  return known;
}

std::shared_ptr<const Entry> Entries::optimizer(const Json& written, const std::string& pointer,
                                                const Json& rounds) {
  std::shared_ptr<const Entry>& known = known_[rounds.dump() + " " + pointer + " " + written.dump()];
  if (!known) known = std::make_shared<const Entry>(check_optimizer(written, pointer, rounds));
  return known;
}

Entry Entries::check_component(const std::string& kind, const Json& written,
                               const std::string& pointer) const {
  Entry entry{nullptr, written, written, {}};
  const std::string of = kind == "extractor" ? "model" : kind;
  const Report report = into(entry.faults);
  if (!written.is_object()) {
    report(pointer, "expected an object {\"use\": NAME, ...}, found " + describe_value(written), false);
    return entry;
  }
  if (!written.contains("use")) {
    report(pointer, "needs the key \"use\": the name of a " + of, false);
    return entry;
  }
  if (!written["use"].is_string()) {
    report(pointer + "/use", "expected the name of a " + of + ", found " + describe_value(written["use"]),
           false);
    return entry;
  }
  const std::string use = written["use"];
  entry.component = catalogue_.find(of, use);
  if (entry.component == nullptr) {
    report(pointer + "/use", unknown_component(catalogue_, of, use), false);
    return entry;
  }
  const std::vector<const Json*> schemas = {&host_schema()[kind], &entry.component->parameters()};
  entry.config = apply_schemas(schemas, written, pointer, kind + " \"" + use + "\"", report);
  entry.identity = drop_defaults(schemas, entry.config);
  entry.identity["use"] = use + "@" + entry.component->version;
  return entry;
}

std::string unknown_component(const Catalogue& catalogue, const std::string& kind, const std::string& name) {
  std::string text = "no " + kind + " \"" + name + "\". ";
  if (const std::string near = nearest(name, catalogue.names(kind)); !near.empty())
    text += "Nearest: \"" + near + "\". ";
  for (const std::string& other : component_kinds()) {
    if (other != kind && catalogue.find(other, name)) text += "There is a " + other + " of that name. ";
  }
  for (const BrokenPlugin& broken : catalogue.broken()) {
    if (broken.file.stem().string().find(name) != std::string::npos)
      text += "The plugin " + broken.file.string() + " cannot be used: " + broken.error + ". ";
  }
  return text + "Known: saddle plugins ls --kind " + kind;
}

}  // namespace saddle
