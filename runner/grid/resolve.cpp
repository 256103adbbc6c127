#include <grid/resolve.hpp>

#include <algorithm>
#include <utility>

#include <common/nearest.hpp>
#include <grid/host_schema.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

std::string joined(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text.empty() ? "nothing" : text;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  if (object.is_object()) {
    for (const auto& [key, value] : object.items()) names.push_back(key);
  }
  return names;
}

bool contains(const Json& list, const std::string& name) {
  return list.is_array() && std::find(list.begin(), list.end(), Json(name)) != list.end();
}

bool player_name(const std::string& name) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

class Resolver {
 public:
  Resolver(const Json& raw, const Catalogue& catalogue, const Report& report)
      : raw_(raw), catalogue_(catalogue), report_(report) {}

  Resolution run() {
    check_sections();
    dataset();
    models();
    optimizers();
    train();
    losses();
    schedules();
    metrics();
    for (const char* name : {"record", "checkpoint"}) {
      out_.config[name] =
          apply_schema(host_schema()[name], section(name, Json::object()), pointer_child("", name), report_);
    }
    return std::move(out_);
  }

 private:
  // One "use" entry: what it names, and its two forms.
  struct Entry {
    const Component* component = nullptr;
    Json config, identity;
  };

  Json section(const char* name, Json otherwise) const {
    const auto found = raw_.find(name);
    return found == raw_.end() ? std::move(otherwise) : *found;
  }

  void check_sections() {
    const std::vector<std::string>& sections = config_sections();
    for (const auto& [key, value] : raw_.items()) {
      if (std::find(sections.begin(), sections.end(), key) != sections.end()) continue;
      std::vector<std::string> known = sections;
      for (const auto& [name, ignored] : host_schema()["grid"]["properties"].items()) known.push_back(name);
      report_(pointer_child("", key),
              "unknown key \"" + key + "\" of the grid file. " + suggestion(key, known, 20), true);
      out_.config[key] = value;
    }
    for (const char* name : {"dataset", "models", "losses", "optimizers"}) {
      if (!raw_.contains(name))
        report_("", "the grid file needs the key \"" + std::string(name) + "\"", false);
    }
  }

  Entry component(const std::string& kind, const Json& written, const std::string& pointer) {
    const Json& host = host_schema()[kind];
    if (!written.is_object()) {
      report_(pointer, "expected an object {\"use\": NAME, ...}, found " + describe_value(written), false);
      return {nullptr, written, written};
    }
    if (!written.contains("use")) {
      report_(pointer, "needs the key \"use\": the name of a " + kind, false);
      return {nullptr, written, written};
    }
    if (!written["use"].is_string()) {
      report_(pointer + "/use",
              "expected the name of a " + kind + ", found " + describe_value(written["use"]), false);
      return {nullptr, written, written};
    }
    const std::string use = written["use"];
    Entry entry;
    entry.component = catalogue_.find(kind, use);
    if (entry.component == nullptr) {
      report_(pointer + "/use", unknown_component(catalogue_, kind, use), false);
      return {nullptr, written, written};
    }
    const std::vector<const Json*> schemas = {&host, &entry.component->parameters()};
    entry.config = apply_schemas(schemas, written, pointer, kind + " \"" + use + "\"", report_);
    entry.identity = drop_defaults(schemas, entry.config);
    entry.identity["use"] = use + "@" + entry.component->version;
    return entry;
  }

  void dataset() {
    if (!raw_.contains("dataset")) return;
    Entry entry = component("dataset", raw_["dataset"], "/dataset");
    out_.config["dataset"] = std::move(entry.config);
    out_.identity["dataset"] = std::move(entry.identity);
  }

  void models() {
    const Json models = section("models", Json::object());
    Json& config = out_.config["models"] = Json::object();
    Json& identity = out_.identity["models"] = Json::object();
    if (!models.is_object() || (models.empty() && raw_.contains("models"))) {
      return report_("/models",
                     "expected an object of players, as {\"generator\": {\"use\": ...}}, found " +
                         describe_value(models),
                     false);
    }
    for (const auto& [player, written] : models.items()) {
      const std::string pointer = pointer_child("/models", player);
      if (!player_name(player)) {
        report_(pointer, "\"" + player + "\" is no name for a player; use a-z, 0-9 and _, a letter first",
                true);
      }
      Entry entry = component("model", written, pointer);
      if (entry.component) role(player, pointer, entry);
      config[player] = std::move(entry.config);
      identity[player] = std::move(entry.identity);
      players_[player] = entry.component;
    }
  }

  // A player plays the role of its own name unless told otherwise.
  void role(const std::string& player, const std::string& pointer, Entry& entry) {
    const Json& roles = entry.component->roles();
    const std::string natural = roles.contains(player) || roles.size() != 1 ? player : roles.begin().key();
    const bool given = entry.config.contains("role");
    if (!given) entry.config["role"] = natural;
    const Json& role = entry.config["role"];
    if (role == natural) entry.identity.erase("role");
    if (!role.is_string() || roles.contains(role.get<std::string>())) return;
    report_(given ? pointer + "/role" : pointer,
            "model \"" + entry.component->name + "\" has no role " + role.dump() +
                (given ? ". " : ", the name of this player; choose one with \"role\". ") +
                suggestion(role.get<std::string>(), keys(roles)),
            false);
  }

  // What a player's model declares for the role it plays; null when unknown.
  const Json* role_of(const std::string& player) const {
    const auto found = players_.find(player);
    if (found == players_.end() || found->second == nullptr) return nullptr;
    const Json role = out_.config["models"][player].value("role", Json());
    if (!role.is_string() || !found->second->roles().contains(role.get<std::string>())) return nullptr;
    return &found->second->roles()[role.get<std::string>()];
  }

  void optimizers() {
    const Json written = section("optimizers", Json::object());
    out_.config["optimizers"] = Json::object();
    out_.identity["optimizers"] = Json::object();
    if (!written.is_object() || (written.empty() && raw_.contains("optimizers"))) {
      return report_("/optimizers",
                     "expected an object with an optimizer for each player that is trained, found " +
                         describe_value(written),
                     false);
    }
    for (const auto& [player, entry] : written.items()) {
      const std::string pointer = pointer_child("/optimizers", player);
      if (!out_.config["models"].contains(player)) {
        report_(pointer,
                "no model \"" + player + "\" to optimize. " + suggestion(player, keys(out_.config["models"])),
                true);
        continue;
      }
      out_.config["optimizers"][player] = optimizer(entry, pointer, out_.identity["optimizers"][player]);
    }
  }

  Json optimizer(const Json& written, const std::string& pointer, Json& identity) {
    const Json& host = host_schema()["optimizer"];
    const std::vector<const Json*> schemas = chosen(host, written, pointer, "optimizer");
    if (schemas.empty()) return written;
    Json config = apply_schemas(schemas, written, pointer, "optimizer " + written["use"].dump(), report_);
    identity = drop_defaults(schemas, config);
    identity["use"] = config["use"];
    if (config["use"] == "sgd" && config["nesterov"] == true &&
        (config["momentum"] == 0.0 || config["dampening"] != 0.0)) {
      report_(pointer + "/nesterov", "nesterov needs momentum > 0 and dampening 0", false);
    }
    return config;
  }

  // The schemas of an entry whose "use" chooses among the host's own; none, with a report, when it does not.
  std::vector<const Json*> chosen(const Json& host, const Json& written, const std::string& pointer,
                                  const std::string& what) {
    const Json fallback = host["all"]["properties"]["use"].value("default", Json());
    const Json use = written.is_object() ? written.value("use", fallback) : Json();
    if (!use.is_string()) {
      report_(pointer, "expected an object {\"use\": NAME, ...}, found " + describe_value(written), false);
      return {};
    }
    if (!host["use"].contains(use.get<std::string>())) {
      report_(pointer + "/use",
              "no " + what + " " + use.dump() + ". " + suggestion(use.get<std::string>(), keys(host["use"])),
              false);
      return {};
    }
    return {&host["all"], &host["use"][use.get<std::string>()]};
  }

  // After train, whose rounds are the default end of a linear schedule.
  void schedules() {
    for (auto& [player, config] : out_.config["optimizers"].items()) {
      if (!config.is_object() || !config.contains("use")) continue;
      const std::string pointer = pointer_child("/optimizers", player) + "/schedule";
      const Json written = config.value("schedule", Json::object());
      const std::vector<const Json*> schemas =
          chosen(host_schema()["schedule"], written, pointer, "schedule");
      if (schemas.empty()) continue;
      Json schedule = apply_schemas(schemas, written, pointer,
                                    "schedule " + written.value("use", Json("constant")).dump(), report_);
      Json identity = drop_defaults(schemas, schedule);
      if (schedule["use"] == "linear") {
        const Json rounds = out_.config["train"].is_object() ? out_.config["train"]["rounds"] : Json();
        if (!schedule.contains("to")) schedule["to"] = rounds;
        if (schedule["to"] == rounds) identity.erase("to");
        if (schedule["from"].is_number() && schedule["to"].is_number() &&
            schedule["from"] >= schedule["to"]) {
          report_(pointer,
                  "a linear schedule from round " + schedule["from"].dump() + " to round " +
                      schedule["to"].dump() + " has no length; expected from < to (default: train.rounds)",
                  false);
        }
      }
      Json& kept = out_.identity["optimizers"][player];
      if (!kept.is_object()) continue;
      kept.erase("schedule");
      if (!identity.empty()) kept["schedule"] = std::move(identity);
      config["schedule"] = std::move(schedule);
    }
  }

  void train() {
    const Json& schema = host_schema()["train"];
    Json& config = out_.config["train"];
    config = apply_schema(schema, section("train", Json::object()), "/train", report_);
    if (!config.is_object()) return;
    Json identity = drop_defaults({&schema}, config);
    updates(config, identity);
    order(config, identity);
    if (config["augment"].is_array()) {
      Json kept = Json::array();
      for (std::size_t i = 0; i < config["augment"].size(); ++i) {
        Entry entry = component("transform", config["augment"][i], pointer_child("/train/augment", i));
        config["augment"][i] = std::move(entry.config);
        kept.push_back(std::move(entry.identity));
      }
      if (!kept.empty()) identity["augment"] = std::move(kept);
    }
    if (!identity.empty()) out_.identity["train"] = std::move(identity);
  }

  void updates(Json& config, Json& identity) {
    if (!config["updates"].is_object()) return;
    for (const std::string& player : keys(config["updates"])) {
      if (!out_.config["optimizers"].contains(player)) {
        report_(pointer_child("/train/updates", player),
                "\"" + player + "\" is not trained: it has no optimizer. " +
                    suggestion(player, keys(out_.config["optimizers"])),
                true);
      }
    }
    Json kept = Json::object();
    for (const std::string& player : keys(out_.config["optimizers"])) {
      if (!config["updates"].contains(player)) config["updates"][player] = 1;
      if (config["updates"][player] != 1) kept[player] = config["updates"][player];
    }
    identity.erase("updates");
    if (!kept.empty()) identity["updates"] = std::move(kept);
  }

  void order(Json& config, Json& identity) {
    Json usual = Json::array();
    const std::vector<std::string> trained = keys(out_.config["optimizers"]);  // sorted by name
    for (const std::string& player : trained) {
      if (player != "generator") usual.push_back(player);
    }
    if (out_.config["optimizers"].contains("generator")) usual.push_back("generator");
    if (!config.contains("order")) config["order"] = usual;
    if (config["order"] == usual) {
      identity.erase("order");
      return;
    }
    if (!config["order"].is_array()) return;
    Json sorted = config["order"];
    std::sort(sorted.begin(), sorted.end());
    if (sorted != Json(trained)) {
      report_("/train/order",
              "expected each trained player once (" + joined(trained) + "), found " +
                  describe_value(config["order"]),
              false);
    }
  }

  void losses() {
    if (!raw_.contains("losses")) return;
    const Json& written = raw_["losses"];
    Json& config = out_.config["losses"] = Json::array();
    Json& identity = out_.identity["losses"] = Json::array();
    if (!written.is_array() || written.empty()) {
      out_.config["losses"] = written;
      return report_("/losses",
                     "expected a list of losses, as [{\"use\": \"hinge\"}], found " + describe_value(written),
                     false);
    }
    std::vector<std::string> served;
    bool all_known = true;
    for (std::size_t i = 0; i < written.size(); ++i) {
      const std::string pointer = pointer_child("/losses", i);
      Entry entry = component("loss", written[i], pointer);
      all_known = all_known && entry.component;
      if (entry.component) needs(*entry.component, pointer + "/use", served);
      config.push_back(std::move(entry.config));
      identity.push_back(std::move(entry.identity));
    }
    for (const std::string& player : keys(out_.config["optimizers"])) {
      if (all_known && std::find(served.begin(), served.end(), player) == served.end()) {
        report_(
            pointer_child("/optimizers", player),
            "no loss computes anything for \"" + player + "\"; add one that does, or leave its optimizer out",
            false);
      }
    }
  }

  void needs(const Component& loss, const std::string& pointer, std::vector<std::string>& served) {
    const std::string what = "loss \"" + loss.name + "\"";
    bool any = false;
    for (const auto& [role, entry] : loss.roles().items()) {
      if (!players_.contains(role)) continue;
      any = true;
      served.push_back(role);
      for (const Json& need : entry["needs"]) check_need(what, role, need, pointer);
    }
    if (!any) {
      report_(pointer,
              what + " computes for " + joined(keys(loss.roles())) +
                  "; no model is called so (models: " + joined(keys(out_.config["models"])) + ")",
              false);
    }
  }

  // "MODEL.OUTPUT", "gradient:SAMPLE.INPUT", or a word such as label, which only the dataset itself can
  // prove.
  void check_need(const std::string& what, const std::string& player, const std::string& need,
                  const std::string& pointer) {
    const std::size_t dot = need.find('.');
    if (dot == std::string::npos) return;
    if (need.starts_with("gradient:")) {
      const Json* role = role_of(player);
      const std::string input = need.substr(dot + 1);
      if (role == nullptr || contains((*role)["inputs"], input)) return;
      return report_(pointer,
                     what + " needs the gradient by " + need.substr(9) + "; " + model_in_role(player) +
                         " takes " + joined((*role)["inputs"]),
                     false);
    }
    const std::string model = need.substr(0, dot), output = need.substr(dot + 1);
    if (!players_.contains(model)) {
      return report_(pointer,
                     what + " needs " + need + "; there is no model \"" + model +
                         "\" (models: " + joined(keys(out_.config["models"])) + ")",
                     false);
    }
    const Json* role = role_of(model);
    if (role == nullptr || contains((*role)["outputs"], output)) return;
    report_(pointer,
            what + " needs " + need + "; " + model_in_role(model) + " offers " + joined((*role)["outputs"]) +
                ". Take a model that offers it, or another loss",
            false);
  }

  std::string model_in_role(const std::string& player) const {
    const Json& model = out_.config["models"][player];
    return "model " + model["use"].dump() + " in the role " + model["role"].dump();
  }

  void metrics() {
    const Json written = section("metrics", Json::array());
    Json& config = out_.config["metrics"] = Json::array();
    Json kept = Json::array();
    if (!written.is_array()) {
      return report_(
          "/metrics",
          "expected a list of metrics, as [{\"use\": \"frechet\"}], found " + describe_value(written), false);
    }
    const Json& train = out_.config["train"];
    const bool averaged =
        train.is_object() && train["ema"].is_object() && train["ema"].value("decay", Json(0.0)) != 0.0;
    const std::string usual = averaged ? "ema" : "raw";
    for (std::size_t i = 0; i < written.size(); ++i) {
      const std::string pointer = pointer_child("/metrics", i);
      Entry entry = component("metric", written[i], pointer);
      if (entry.component) {
        if (!entry.config.contains("weights")) entry.config["weights"] = usual;
        if (entry.config["weights"] == usual) entry.identity.erase("weights");
        if (entry.config["weights"] == "ema" && !averaged) {
          report_(pointer + "/weights",
                  "no averaged weights are kept: set train.ema.decay above 0, or weights to raw", false);
        }
        features(entry.config["features"], pointer + "/features");
      }
      config.push_back(std::move(entry.config));
      kept.push_back(std::move(entry.identity));
    }
    if (!kept.empty()) out_.identity["metrics"] = std::move(kept);
  }

  void features(const Json& value, const std::string& pointer) {
    if (!value.is_string() || value == "pixels") return;
    const std::string text = value;
    const std::vector<std::string> path = split_path(text);
    if (path.size() != 2) {
      return report_(pointer,
                     "expected \"pixels\" or MODEL.OUTPUT, as discriminator.features, found " + value.dump(),
                     false);
    }
    if (!players_.contains(path[0])) {
      return report_(pointer,
                     "no model \"" + path[0] + "\". " + suggestion(path[0], keys(out_.config["models"])),
                     false);
    }
    const Json* role = role_of(path[0]);
    if (role == nullptr || contains((*role)["outputs"], path[1])) return;
    report_(
        pointer,
        "no output \"" + path[1] + "\"; " + model_in_role(path[0]) + " offers " + joined((*role)["outputs"]),
        false);
  }

  const Json& raw_;
  const Catalogue& catalogue_;
  const Report& report_;
  Resolution out_;
  std::map<std::string, const Component*> players_;
};

}  // namespace

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

Resolution resolve(const Json& raw, const Catalogue& catalogue, const Report& report) {
  return Resolver(raw, catalogue, report).run();
}

}  // namespace saddle
