#include <game/player.hpp>

#include <game/labelled.hpp>
#include <train/random.hpp>

namespace saddle::worker {

train::SpectralOptions spectral_options(const nlohmann::json& train) {
  const auto& s = train.at("spectral_norm");
  return {.iterations = s.at("iterations").get<int>(),
          .rule = train::spectral_rule_from_name(s.at("update").get<std::string>()),
          .eps = s.at("eps").get<double>()};
}

train::ParameterOptions parameter_options(const nlohmann::json& train) {
  return {.init = std::nullopt,
          .norm = std::nullopt,
          .device = trial_device(),
          .dtype = at::kFloat,
          .channels_last = train.at("memory_format") == "channels_last",
          .spectral_eps = train.at("spectral_norm").at("eps").get<double>()};
}

std::vector<at::Tensor> weights_of(const Declared& declared, train::EffectiveWeights& weights,
                                   int64_t update) {
  std::vector<at::Tensor> list;
  list.reserve(declared.parameters.size());
  for (size_t i = 0; i < declared.parameters.size(); ++i) list.push_back(weights.weight(i, update));
  return list;
}

std::vector<at::Tensor> buffers_of(const Declared& declared, train::ParameterSet& set) {
  std::vector<at::Tensor> list;
  for (const auto& b : declared.buffers) list.push_back(set.buffer(b.name));
  return list;
}

namespace {
// What a model is told: of itself, beside what everybody is.
nlohmann::json own_facts(const nlohmann::json& config, const std::string& name, nlohmann::json facts) {
  if (config.at("models").at(name).value("init", "default") == "data") facts["data_init"] = true;
  return facts;
}
train::ParameterOptions model_options(const nlohmann::json& config, const std::string& name) {
  auto options = parameter_options(config.at("train"));
  const auto& entry = config.at("models").at(name);
  options.init = train::init_from_name(entry.value("init", "default"));
  options.norm = train::norm_from_name(entry.value("norm", "default"));
  return options;
}
std::string role_of(const nlohmann::json& config, const std::string& name) {
  return config.at("models").at(name).value("role", name);
}
}  // namespace

Player::Player(const Trial& trial, const std::string& player, const nlohmann::json& facts)
    : name(player),
      frozen(trial.config.at("models").at(player).contains("from") &&
             !trial.config.at("optimizers").contains(player)),
      model(model_options(trial.config, player), spectral_options(trial.config.at("train")),
            train::make_generator(static_cast<uint64_t>(trial.seed), "init/" + player),
            trial.component("model", trial.config.at("models").at(player)), role_of(trial.config, player),
            own_parameters("model", trial.config.at("models").at(player)),
            own_facts(trial.config, player, facts),
            player + "/" + trial.config.at("models").at(player).at("use").get<std::string>()),
      unlabelled_(why_unlabelled(trial.config.at("dataset"), facts.value("classes", int64_t{0}))) {
  const auto& train_config = trial.config.at("train");
  if (trial.config.at("models").at(name).value("init", "default") == "data" &&
      !model.instance.declared().first_pass)
    throw PlacedError("/models/" + name + "/init",
                      "model '" + model.instance.component().name + "' has no layers that start from data");
  if (trial.config.at("optimizers").contains(name)) {
    optimizer = train::optimizer_from_json(trial.config.at("optimizers").at(name));
    const auto& ema = train_config.at("ema");
    const double decay = ema.at("decay").get<double>();
    if (decay > 0) {
      average.emplace(model.set, train::EmaConfig{decay, ema.at("start").get<int64_t>()});
      average_weights.emplace(average->set(), spectral_options(train_config), /*converge=*/true);
    }
  }
}

NamedTensors Player::forward(const NamedTensors& inputs, int64_t number, bool training, bool averaged) {
  const Declared& declared = model.instance.declared();
  try {
    return model.instance.forward(weights_of(declared, averaged ? *average_weights : model.weights, number),
                                  buffers_of(declared, averaged ? average->set() : model.set), inputs,
                                  training);
  } catch (const std::exception& e) {
    // The model knows what it wants, the game why it is not there.
    const std::string text = message_of(e);
    if (unlabelled_.empty() || find(inputs, "label").defined() || text.find("'label'") == std::string::npos)
      throw;
    throw Error(text + "; " + unlabelled_);
  }
}

void Player::first_pass(const NamedTensors& inputs, int64_t number) {
  const Declared& declared = model.instance.declared();
  model.weights.begin(number, train::Use::measure);
  model.instance.first_pass(
      weights_of(declared, model.weights, number), buffers_of(declared, model.set), inputs,
      [&](size_t index, const at::Tensor& weight) { model.set.set_weight(index, weight); });
  if (average) average->set().load(model.set.tensors());
}

}  // namespace saddle::worker
