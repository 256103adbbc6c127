#include <grid/resolve.hpp>

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <common/nearest.hpp>
#include <grid/extractor.hpp>
#include <grid/host_schema.hpp>
#include <grid/identity.hpp>
#include <grid/past.hpp>
#include <grid/players.hpp>
#include <grid/spec.hpp>

namespace saddle {

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
      if (draft.config.contains("labelled_seed") && !draft.config.contains("labelled"))
        draft.fault("/dataset/labelled_seed",
                    "it says which samples keep their labels, and all do: set labelled, how many, or leave "
                    "this out");
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
          check_drawing(draft, *models, config, pointer);
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
