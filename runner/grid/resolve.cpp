#include <grid/resolve.hpp>

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <common/nearest.hpp>
#include <common/needs.hpp>
#include <grid/extractor.hpp>
#include <grid/host_schema.hpp>
#include <grid/identity.hpp>
#include <grid/past.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

using Names = std::vector<std::string>;

std::string joined(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text.empty() ? "nothing" : text;
}

Names keys(const Json& object) {
  Names names;
  if (object.is_object()) {
    for (const auto& [key, value] : object.items()) names.push_back(key);
  }
  return names;
}

bool contains(const Json& list, const std::string& name) {
  return list.is_array() && std::find(list.begin(), list.end(), Json(name)) != list.end();
}

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool player_name(const std::string& name) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

// A section while it is made. An Entry that is shared is copied into it.
struct Draft : Section {
  void fault(const std::string& pointer, const std::string& text, bool at_key = false) {
    faults.push_back({pointer, text, at_key});
  }
  Report report() {
    return
        [this](const std::string& pointer, const std::string& text, bool key) { fault(pointer, text, key); };
  }
  void take_faults(const Entry& entry) {
    faults.insert(faults.end(), entry.faults.begin(), entry.faults.end());
  }
};

struct Player {
  const Component* component;  // null: unknown
  const Json* role;            // what the component declares for the role it plays; null: unknown
};

struct Models : Draft {
  std::map<std::string, Player> players;

  const Json* role(const std::string& player) const {
    const auto found = players.find(player);
    return found == players.end() ? nullptr : found->second.role;
  }
  std::string in_role(const std::string& player) const {
    const Json& model = config[player];
    return "model " + model["use"].dump() + " in the role " + model["role"].dump();
  }
};

// A player plays the role of its own name unless told otherwise, or unless its
// model has one role only.
void choose_role(Models& draft, const std::string& player, const std::string& pointer, const Component& model,
                 Json& config, Json& identity) {
  const Json& roles = model.roles();
  const std::string natural = roles.contains(player) || roles.size() != 1 ? player : roles.begin().key();
  const bool given = config.contains("role");
  if (!given) config["role"] = natural;
  const Json& role = config["role"];
  if (role == natural) identity.erase("role");
  if (!role.is_string()) return;
  if (roles.contains(role.get<std::string>())) {
    draft.players[player].role = &roles[role.get<std::string>()];
    return;
  }
  draft.fault(given ? pointer + "/role" : pointer,
              "model \"" + model.name + "\" has no role " + role.dump() +
                  (given ? ". " : ", the name of this player; choose one with \"role\". ") +
                  suggestion(role.get<std::string>(), keys(roles)));
}

void fill_updates(Draft& draft, Json& identity, const Names& trained) {
  Json& updates = draft.config["updates"];
  if (!updates.is_object()) return;
  for (const std::string& player : keys(updates)) {
    if (contains(trained, player)) continue;
    draft.fault(pointer_child("/train/updates", player),
                "\"" + player + "\" is not trained: it has no optimizer. " + suggestion(player, trained),
                true);
  }
  Json kept = Json::object();
  for (const std::string& player : trained) {
    if (!updates.contains(player)) updates[player] = 1;
    if (updates[player] != 1) kept[player] = updates[player];
  }
  identity.erase("updates");
  if (!kept.empty()) identity["updates"] = std::move(kept);
}

void fill_order(Draft& draft, Json& identity, const Names& trained) {
  Json usual = Json::array();
  for (const std::string& player : trained) {
    if (player != "generator") usual.push_back(player);
  }
  if (contains(trained, "generator")) usual.push_back("generator");
  if (!draft.config.contains("order")) draft.config["order"] = usual;
  const Json& order = draft.config["order"];
  if (order == usual) {
    identity.erase("order");
    return;
  }
  if (!order.is_array()) return;
  Json sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != Json(trained)) {
    draft.fault("/train/order", "expected each trained player once (" + joined(trained) + "), found " +
                                    describe_value(order));
  }
}

// "MODEL.OUTPUT", "gradient:SAMPLE.INPUT", or a word such as label, which only
// the dataset itself can prove.
void check_need(Draft& draft, const Models& models, const std::string& what, const std::string& player,
                const std::string& need, const std::string& pointer) {
  const std::size_t dot = need.find('.');
  if (dot == std::string::npos) return;
  if (need.starts_with("gradient:")) {
    const Json* role = models.role(player);
    if (role == nullptr || contains((*role)["inputs"], need.substr(dot + 1))) return;
    return draft.fault(pointer, what + " needs the gradient by " + need.substr(9) + "; " +
                                    models.in_role(player) + " takes " + joined((*role)["inputs"]));
  }
  const std::string model = need.substr(0, dot), output = need.substr(dot + 1);
  if (!models.players.contains(model)) {
    return draft.fault(pointer, what + " needs " + need + "; there is no model \"" + model +
                                    "\" (models: " + joined(keys(models.config)) + ")");
  }
  const Json* role = models.role(model);
  if (role == nullptr || contains((*role)["outputs"], output)) return;
  draft.fault(pointer, what + " needs " + need + "; " + models.in_role(model) + " offers " +
                           joined((*role)["outputs"]) + ". Take a model that offers it, or another loss");
}

// Adds the players that the loss computes for.
void check_needs(Draft& draft, const Models& models, const Component& loss, const Json& config,
                 const std::string& pointer, Names& served) {
  const std::string what = "loss \"" + loss.name + "\"";
  bool any = false;
  const Json cast = config.value("players", Json::object());
  const auto player = [&](const std::string& role) {
    const Json named = cast.is_object() ? cast.value(role, Json(role)) : Json(role);
    return named.is_string() ? named.get<std::string>() : role;
  };
  for (const auto& [role, entry] : loss.roles().items()) {
    if (!models.players.contains(player(role))) continue;
    any = true;
    served.push_back(player(role));
    for (const std::string& need : needs_of(entry, config)) {
      const std::size_t dot = need.starts_with("gradient:") ? std::string::npos : need.find('.');
      check_need(draft, models, what, player(role),
                 dot == std::string::npos ? need : player(need.substr(0, dot)) + need.substr(dot), pointer);
    }
  }
  if (!any) {
    draft.fault(pointer, what + " computes for " + joined(keys(loss.roles())) +
                             "; no model is called so (models: " + joined(keys(models.config)) + ")");
  }
}

// A player whose output another one computes from, undetached, is taught by that one's losses.
void serve_feeders(const Models& models, Names& served) {
  for (std::size_t i = 0; i < served.size(); ++i) {
    const Json& model = models.config[served[i]];
    if (!model.is_object() || !model.contains("inputs")) continue;
    const Json inputs = model["inputs"];
    if (!inputs.is_object()) continue;
    for (const auto& [name, link] : inputs.items()) {
      const Json from = link.is_object() ? link.value("from", Json()) : link;
      if (!from.is_string() || (link.is_object() && link.value("detach", Json()) == true)) continue;
      const std::string text = from, player = text.substr(0, text.find('.'));
      if (models.players.contains(player) && !contains(served, player)) served.push_back(player);
    }
  }
}

void check_features(Draft& draft, const Models& models, const Json& value, const std::string& pointer) {
  if (!value.is_string() || value == "pixels") return;
  const Names path = split_path(value);
  if (path.size() != 2) {
    return draft.fault(
        pointer,
        "expected \"pixels\", MODEL.OUTPUT, as discriminator.features, or {\"use\": EXTRACTOR}, found " +
            value.dump());
  }
  if (!models.players.contains(path[0])) {
    return draft.fault(pointer, "no model \"" + path[0] + "\". " + suggestion(path[0], keys(models.config)));
  }
  const Json* role = models.role(path[0]);
  if (role == nullptr || contains((*role)["outputs"], path[1])) return;
  draft.fault(pointer, "no output \"" + path[1] + "\"; " + models.in_role(path[0]) + " offers " +
                           joined((*role)["outputs"]));
}

}  // namespace

struct Resolver::Impl {
  explicit Impl(const Catalogue& known) : catalogue(known), entries(known) {}

  using Shared = std::shared_ptr<const Section>;
  enum Stage { kDataset, kModels, kTrain, kOptimizers, kLosses, kMetrics, kRecord, kCheckpoint };
  // A section is made once from each combination of what it depends on. Everything
  // that a key points to is kept as long as this.
  using Key = std::tuple<Stage, const void*, const void*, const void*>;

  template <class Result>
  std::shared_ptr<const Result> once(const Key& key, const std::function<void(Result&)>& make) {
    Shared& known = made[key];
    if (!known) {
      auto result = std::make_shared<Result>();
      make(*result);
      known = std::move(result);
    }
    return std::static_pointer_cast<const Result>(known);
  }

  const Json* intern(const Json& value) {
    std::unique_ptr<const Json>& known = raw_sections[value.dump()];
    if (!known) known = std::make_unique<const Json>(value);
    return known.get();
  }

  Shared dataset(const Json* raw) {
    return once<Draft>({kDataset, raw, nullptr, nullptr}, [&](Draft& draft) {
      const auto entry = entries.component("dataset", *raw, "/dataset");
      draft.take_faults(*entry);
      draft.config = entry->config;
      Json identity = entry->identity;
      if (entry->component && draft.config.contains("select") && draft.config["select"].is_object())
        fill_selection(draft, identity["select"]);
      draft.identity = canonical_json(identity);
    });
  }

  // dataset.select: which samples are trained on.
  void fill_selection(Draft& draft, Json& identity) {
    const std::string pointer = "/dataset/select";
    const Json& schema = host_schema()["select"];
    Json select = apply_schemas({&schema}, draft.config["select"], pointer, "select", draft.report());
    identity = drop_defaults({&schema}, select);
    Json& features = select["features"];
    if (features.is_object()) {
      const Entry entry = check_extractor(entries, catalogue, features, pointer + "/features");
      draft.take_faults(entry);
      features = entry.config;
      identity["features"] = entry.identity;
    } else if (features.is_string() && features != "pixels") {
      draft.fault(pointer + "/features",
                  "expected \"pixels\" or {\"use\": EXTRACTOR}, found " + features.dump());
    }
    draft.config["select"] = std::move(select);
  }

  std::shared_ptr<const Models> models(const Json* raw) {
    return once<Models>({kModels, raw, nullptr, nullptr}, [&](Models& draft) {
      Json identity = Json::object();
      draft.config = Json::object();
      if (raw != nullptr && (!raw->is_object() || raw->empty())) {
        draft.fault("/models", "expected an object of players, as {\"generator\": {\"use\": ...}}, found " +
                                   describe_value(*raw));
      } else if (raw != nullptr) {
        for (const auto& [player, written] : raw->items()) {
          const std::string pointer = pointer_child("/models", player);
          if (!player_name(player))
            draft.fault(pointer,
                        "\"" + player + "\" is no name for a player; use a-z, 0-9 and _, a letter first",
                        true);
          const auto entry = entries.component("model", written, pointer);
          draft.take_faults(*entry);
          draft.players[player] = {entry->component, nullptr};
          Json config = entry->config, kept = entry->identity;
          if (entry->component) choose_role(draft, player, pointer, *entry->component, config, kept);
          take_past("model_from", pointer, draft, config, kept);
          draft.config[player] = std::move(config);
          identity[player] = std::move(kept);
        }
      }
      draft.identity = canonical_json(identity);
    });
  }

  // The players that have an optimizer, by name; equal lists have one address.
  const Names* trained(const Json* raw, const Models& models) {
    Names names;
    if (raw != nullptr) {
      for (const std::string& player : keys(*raw)) {
        if (models.config.contains(player)) names.push_back(player);
      }
    }
    return &*name_lists.insert(std::move(names)).first;
  }

  Shared train(const Json* raw, const Names* trained) {
    return once<Draft>({kTrain, raw, trained, nullptr}, [&](Draft& draft) {
      const Json& schema = host_schema()["train"];
      draft.config = apply_schema(schema, raw ? *raw : Json::object(), "/train", draft.report());
      if (!draft.config.is_object()) return;
      Json identity = drop_defaults({&schema}, draft.config);
      fill_updates(draft, identity, *trained);
      fill_order(draft, identity, *trained);
      Json& augment = draft.config["augment"];
      if (augment.is_array()) {
        Json kept = Json::array();
        for (std::size_t i = 0; i < augment.size(); ++i) {
          const auto entry = entries.component("transform", augment[i], pointer_child("/train/augment", i));
          draft.take_faults(*entry);
          augment[i] = entry->config;
          kept.push_back(entry->identity);
        }
        if (!kept.empty()) identity["augment"] = std::move(kept);
      }
      take_past("train_from", "/train", draft, draft.config, identity);
      if (!identity.empty()) draft.identity = canonical_json(identity);
    });
  }

  // The "from" of a model or of train.
  void take_past(const char* schema, const std::string& pointer, Draft& draft, Json& config, Json& identity) {
    if (!config.is_object() || !config.contains("from")) return;
    Past past = check_past(catalogue, schema, config["from"], pointer + "/from", draft.faults);
    config["from"] = std::move(past.config);
    identity["from"] = std::move(past.identity);
  }

  Shared optimizers(const Json* raw, const std::shared_ptr<const Models>& models, const Section& train) {
    return once<Draft>({kOptimizers, raw, models.get(), &train}, [&](Draft& draft) {
      Json identity = Json::object();
      draft.config = Json::object();
      const Json rounds = train.config.is_object() ? train.config.value("rounds", Json()) : Json();
      if (raw != nullptr && (!raw->is_object() || raw->empty())) {
        draft.fault("/optimizers",
                    "expected an object with an optimizer for each player that is trained, found " +
                        describe_value(*raw));
      } else if (raw != nullptr) {
        for (const auto& [player, written] : raw->items()) {
          const std::string pointer = pointer_child("/optimizers", player);
          if (!models->config.contains(player)) {
            draft.fault(
                pointer,
                "no model \"" + player + "\" to optimize. " + suggestion(player, keys(models->config)), true);
            continue;
          }
          const auto entry = entries.optimizer(written, pointer, rounds);
          draft.take_faults(*entry);
          draft.config[player] = entry->config;
          identity[player] = entry->identity;
        }
      }
      check_sources(draft, *models);
      draft.identity = canonical_json(identity);
    });
  }

  // Players that start with the weights of another one of the game, when they begin to be trained.
  static void check_sources(Draft& draft, const Models& models) {
    for (const auto& [player, model] : models.config.items()) {
      if (!model.is_object() || !model.contains("from") || !model["from"].is_object()) continue;
      const Json& from = model["from"];
      if (from.size() != 1 || !from.value("player", Json()).is_string()) continue;
      const std::string pointer = pointer_child("/models", player) + "/from", other = from["player"];
      if (other == player)
        draft.fault(pointer + "/player", "it is to start with its own weights; name another model");
      else if (!models.config.contains(other))
        draft.fault(pointer + "/player",
                    "no model \"" + other + "\". " + suggestion(other, keys(models.config)));
      if (!draft.config.contains(player))
        draft.fault(pointer, "\"" + player +
                                 "\" is not trained, so it has no rounds at whose beginning it could take "
                                 "weights: give it an optimizer, or take those of a past trial");
    }
  }

  Shared losses(const Json* raw, const std::shared_ptr<const Models>& models, const Names* trained) {
    return once<Draft>({kLosses, raw, models.get(), trained}, [&](Draft& draft) {
      if (!raw->is_array() || raw->empty()) {
        draft.config = *raw;
        return draft.fault(
            "/losses", "expected a list of losses, as [{\"use\": \"hinge\"}], found " + describe_value(*raw));
      }
      Names served;
      bool all_known = true;
      Json identity = Json::array();
      draft.config = Json::array();
      for (std::size_t i = 0; i < raw->size(); ++i) {
        const std::string pointer = pointer_child("/losses", i);
        const auto entry = entries.component("loss", (*raw)[i], pointer);
        draft.take_faults(*entry);
        all_known = all_known && entry->component;
        if (entry->component)
          check_needs(draft, *models, *entry->component, entry->config, pointer + "/use", served);
        draft.config.push_back(entry->config);
        identity.push_back(entry->identity);
      }
      serve_feeders(*models, served);
      for (const std::string& player : *trained) {
        if (all_known && !contains(served, player))
          draft.fault(pointer_child("/optimizers", player),
                      "no loss computes anything for \"" + player +
                          "\"; add one that does, or leave its optimizer out");
      }
      draft.identity = canonical_json(identity);
    });
  }

  Shared metrics(const Json* raw, const std::shared_ptr<const Models>& models, const Section& train) {
    return once<Draft>({kMetrics, raw, models.get(), &train}, [&](Draft& draft) {
      draft.config = Json::array();
      if (raw == nullptr) return;
      if (!raw->is_array()) {
        return draft.fault("/metrics", "expected a list of metrics, as [{\"use\": \"frechet\"}], found " +
                                           describe_value(*raw));
      }
      Json identity = Json::array();
      const bool averaged = train.config.is_object() && train.config["ema"].is_object() &&
                            train.config["ema"].value("decay", Json(0.0)) != 0.0;
      const std::string usual = averaged ? "ema" : "raw";
      for (std::size_t i = 0; i < raw->size(); ++i) {
        const std::string pointer = pointer_child("/metrics", i);
        const auto entry = entries.component("metric", (*raw)[i], pointer);
        draft.take_faults(*entry);
        Json config = entry->config, kept = entry->identity;
        if (entry->component) {
          if (!config.contains("weights")) config["weights"] = usual;
          if (config["weights"] == usual) kept.erase("weights");
          if (config["weights"] == "ema" && !averaged)
            draft.fault(pointer + "/weights",
                        "no averaged weights are kept: set train.ema.decay above 0, or weights to raw");
          if (config["features_weights"] == "ema") {
            const Json& features = config["features"];
            const std::string player = features.is_string() ? features.get<std::string>().substr(
                                                                  0, features.get<std::string>().find('.'))
                                                            : "";
            if (features.is_object() || player == "pixels")
              draft.fault(pointer + "/features_weights",
                          "only a model of the trial has averaged weights: measure features MODEL.OUTPUT, or "
                          "leave this out");
            else if (!averaged)
              draft.fault(pointer + "/features_weights",
                          "no averaged weights are kept: set train.ema.decay above 0, or this to raw");
          }
          if (config["selected"] == true && config["split"] != "train")
            draft.fault(
                pointer + "/selected",
                "dataset.select keeps samples of the split \"train\", not of " + config["split"].dump());
          if (config["features"].is_object()) {
            const Entry features =
                check_extractor(entries, catalogue, config["features"], pointer + "/features");
            draft.take_faults(features);
            config["features"] = features.config;
            kept["features"] = features.identity;
          }
          check_features(draft, *models, config["features"], pointer + "/features");
        }
        draft.config.push_back(std::move(config));
        identity.push_back(std::move(kept));
      }
      if (!identity.empty()) draft.identity = canonical_json(identity);
    });
  }

  // A section that only the host's schema is about, and that is not in the identity.
  Shared plain(Stage stage, const char* name, const Json* raw) {
    return once<Draft>({stage, raw, nullptr, nullptr}, [&](Draft& draft) {
      draft.config = apply_schema(host_schema()[name], raw ? *raw : Json::object(), pointer_child("", name),
                                  draft.report());
    });
  }

  const Catalogue& catalogue;
  Entries entries;
  std::unordered_map<std::string, std::unique_ptr<const Json>> raw_sections;
  std::set<Names> name_lists;
  std::map<Key, Shared> made;
};

Resolver::Resolver(const Catalogue& catalogue) : impl_(std::make_unique<Impl>(catalogue)) {}
Resolver::~Resolver() = default;

ResolvedConfig Resolver::resolve(const Json& raw, const Report& report) {
  ResolvedConfig result;
  std::map<std::string, const Json*> written;
  const std::vector<std::string>& sections = config_sections();
  for (const auto& [key, value] : raw.items()) {
    if (std::find(sections.begin(), sections.end(), key) != sections.end()) {
      written[key] = impl_->intern(value);
      continue;
    }
    Names known = sections;
    for (const auto& [name, ignored] : host_schema()["grid"]["properties"].items()) known.push_back(name);
    report(pointer_child("", key),
           "unknown key \"" + key + "\" of the grid file. " + suggestion(key, known, 20), true);
  }
  const auto section = [&](const char* name) -> const Json* {
    const auto found = written.find(name);
    return found == written.end() ? nullptr : found->second;
  };
  for (const char* name : {"dataset", "models", "losses", "optimizers"}) {
    if (section(name) == nullptr)
      report("", "the grid file needs the key \"" + std::string(name) + "\"", false);
  }

  auto& out = result.sections_;
  if (const Json* dataset = section("dataset")) out["dataset"] = impl_->dataset(dataset);
  const auto models = impl_->models(section("models"));
  const Names* trained = impl_->trained(section("optimizers"), *models);
  const auto train = impl_->train(section("train"), trained);
  out["models"] = models;
  out["optimizers"] = impl_->optimizers(section("optimizers"), models, *train);
  out["train"] = train;
  if (const Json* losses = section("losses")) out["losses"] = impl_->losses(losses, models, trained);
  out["metrics"] = impl_->metrics(section("metrics"), models, *train);
  out["record"] = impl_->plain(Impl::kRecord, "record", section("record"));
  out["checkpoint"] = impl_->plain(Impl::kCheckpoint, "checkpoint", section("checkpoint"));
  for (const char* name :
       {"dataset", "models", "optimizers", "train", "losses", "metrics", "record", "checkpoint"}) {
    const auto found = out.find(name);
    if (found == out.end()) continue;
    for (const SchemaFault& fault : found->second->faults) report(fault.pointer, fault.text, fault.at_key);
  }
  return result;
}

const Section* ResolvedConfig::shared(const std::string& name) const {
  const auto found = sections_.find(name);
  return found == sections_.end() ? nullptr : found->second.get();
}

const Json* ResolvedConfig::section(const std::string& name) const {
  const Section* found = shared(name);
  return found == nullptr ? nullptr : &found->config;
}

Json ResolvedConfig::json() const {
  Json config = Json::object();
  for (const auto& [name, section] : sections_) config[name] = section->config;
  return config;
}

std::string ResolvedConfig::identity() const {
  std::string text = "{";
  for (const auto& [name, section] : sections_) {
    if (section->identity.empty()) continue;
    text += (text.size() == 1 ? "\"" : ",\"") + name + "\":" + section->identity;
  }
  return text + "}";
}

Resolution resolve(const Json& raw, const Catalogue& catalogue, const Report& report) {
  const ResolvedConfig resolved = Resolver(catalogue).resolve(raw, report);
  Json identity = Json::parse(resolved.identity(), nullptr, false);
  return {resolved.json(), identity.is_discarded() ? Json::object() : std::move(identity)};
}

}  // namespace saddle
