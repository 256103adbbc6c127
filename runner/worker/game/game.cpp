#include <game/game.hpp>

#include <algorithm>
#include <limits>
#include <set>

#include <ATen/core/grad_mode.h>

#include <bridge/random.hpp>
#include <game/sampling.hpp>
#include <common/needs.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

// Of random_states(), in a checkpoint.
constexpr const char* kRandom[] = {"random/default", "random/components", "random/device"};

nlohmann::json facts_of(const nlohmann::json& config, const DatasetInfo& info) {
  nlohmann::json facts = {{"sample_shape", info.shape},
                          {"classes", info.classes},
                          {"latent_size", config.at("train").at("latent").at("size")},
                          {"data_folder", data_folder()},
                          {"models", nlohmann::json::array()}};
  for (const auto& [name, entry] : config.at("models").items()) facts["models"].push_back(name);
  for (const auto& [key, value] : info.facts.items()) facts["dataset." + key] = value;
  return facts;
}

// Pictures as a player of that shape of samples sees them.
at::Tensor of_side(const at::Tensor& image, const std::vector<int64_t>& shape) {
  if (image.sizes().slice(1) == at::IntArrayRef(shape)) return image;
  return at::adaptive_avg_pool2d(image, {shape.at(1), shape.at(2)});
}

}  // namespace

at::Tensor draw_latent(const nlohmann::json& latent, int64_t count, at::Generator generator) {
  const auto use = latent.at("use").get<std::string>();
  const int64_t size = latent.at("size").get<int64_t>();
  at::Tensor z = at::empty({count, size});
  const auto coins = [&](const at::Tensor& like) { return at::empty_like(like).bernoulli_(0.5, generator); };
  if (use == "uniform")
    z.uniform_(-1, 1, generator);
  else if (use == "bernoulli")
    z.bernoulli_(0.5, generator);
  else if (use == "signs")
    z.bernoulli_(0.5, generator).mul_(2).sub_(1);
  else if (use == "categorical")
    z.random_(0, 3, generator).sub_(1);
  else
    z.normal_(0, 1, generator);
  if (use == "censored_normal") z.clamp_min_(0);
  if (use == "sparse_normal") z.mul_(coins(z));
  if (use == "half_bernoulli") z.slice(1, size - size / 2).copy_(coins(z.slice(1, size - size / 2)));
  return z.to(trial_device());
}

Game::Game(const Trial& trial, int64_t batch)
    : trial_(trial),
      wiring_(trial.config),
      latent_(train::make_generator(static_cast<uint64_t>(trial.seed), "latent")) {
  const auto& config = trial_.config;
  const auto& train_config = config.at("train");
  batch_ = batch ? batch : train_config.at("batch").get<int64_t>();
  seed_components(static_cast<uint64_t>(trial.seed));

  placed("/dataset", [&] {
    dataset_ = std::make_unique<Dataset>(trial_.component("dataset", config.at("dataset")),
                                         own_parameters("dataset", config.at("dataset")),
                                         nlohmann::json{{"data_folder", data_folder()}});
    DataSource::Select select;
    if (Selection::wanted(trial_)) {
      selection_ = std::make_unique<Selection>(trial_, *dataset_);
      select = [this] { return selection_->kept(); };
    }
    data_ = std::make_unique<DataSource>(*dataset_, batch_, static_cast<uint64_t>(trial.seed),
                                         DataSource::kKeepBytes, select);
  });
  facts_ = facts_of(config, dataset_->info());
  facts_["batch"] = batch_;
  for (const char* key : {"precision", "pass"}) facts_[key] = train_config.at(key);
  for (const auto& [name, entry] : config.at("models").items())
    placed("/models/" + name, [&, &n = name] {
      nlohmann::json facts = facts_;
      facts["sample_shape"] = wiring_.shape(n, dataset_->info().shape);
      players_[n] = std::make_unique<Player>(trial_, n, facts);
    });
  order_ = train_config.at("order").get<std::vector<std::string>>();
  augmentation_ = std::make_unique<Augmentation>(trial_, facts_);

  check_links();
  check_sources();
  for (const auto& [name, player] : players_) facts_["parameters." + name] = player->model.set.count();
  tell_output_shapes();
  std::map<std::string, int> seen;
  for (size_t i = 0; i < config.at("losses").size(); ++i)
    placed("/losses/" + std::to_string(i), [&] {
      const auto& entry = config.at("losses")[i];
      const std::string use = entry.at("use").get<std::string>();
      const int n = ++seen[use];
      const std::string name = n == 1 ? use : use + "#" + std::to_string(n);
      auto loss = std::make_unique<WithTensors<Loss>>(
          parameter_options(train_config), spectral_options(train_config),
          train::make_generator(static_cast<uint64_t>(trial.seed), "init/loss/" + name),
          trial_.component("loss", entry), own_parameters("loss", entry), facts_for(wiring_.cast(i)), name);
      std::string owner;
      for (const auto& player : order_)
        if (owner.empty() && !role_in(wiring_.cast(i), loss->instance, player).empty()) owner = player;
      losses_.push_back({name, entry.at("weight").get<double>(), owner, wiring_.cast(i), std::move(loss)});
    });

  for (const auto& [name, player] : players_) {
    if (!player->optimizer) continue;
    std::vector<train::TrainedSet> sets = {
        {name, &player->model.weights, player->average ? &*player->average : nullptr}};
    for (auto& entry : losses_)
      if (entry.owner == name && !entry.loss->instance.declared().parameters.empty())
        sets.push_back({"loss/" + entry.name, &entry.loss->weights, nullptr});
    player->update = std::make_unique<train::Update>(std::move(sets), *player->optimizer);
  }
  check_wiring();
  (void)first_rounds();  // says what is wrong with train.during
  first_passes();
}

Game::~Game() = default;

void Game::tell_output_shapes() {
  std::set<std::string> asked;  // models
  size_t loss = 0;
  for (const auto& entry : trial_.config.at("losses")) {
    const Cast& cast = wiring_.cast(loss++);
    const auto& roles = trial_.component("loss", entry).description.at("roles");
    for (const auto& role : roles)
      for (const std::string& need : needs_of(role, entry)) {
        const auto dot = need.find('.');
        const std::string output = dot == std::string::npos ? "" : need.substr(dot + 1);
        if (need.find(':') == std::string::npos && !output.empty() && output != "logit" && output != "image")
          asked.insert(cast.player(need.substr(0, dot)));
      }
  }
  const at::NoGradGuard no_grad;
  const auto size = trial_.config.at("train").at("latent").at("size").get<int64_t>();
  std::vector<int64_t> image = dataset_->info().shape;
  image.insert(image.begin(), 1);
  const auto zeros = [](at::IntArrayRef shape, at::ScalarType type) {
    return at::zeros(shape, at::TensorOptions().dtype(type).device(trial_device()));
  };
  for (const std::string& name : asked) {
    if (!players_.contains(name)) continue;
    const Player& player = *players_.at(name);
    const Links& links = wiring_.links(name);
    std::vector<std::string> names = player.model.instance.inputs();
    if (!links.empty()) names.insert(names.end(), {"z", "label"});  // for the players behind it
    NamedTensors inputs;
    for (const std::string& input : names)
      if (links.contains(input) || find(inputs, input).defined())
        continue;
      else if (input == "image")
        inputs.emplace_back(input,
                            zeros(wiring_.shape(name, dataset_->info().shape), at::kFloat).unsqueeze(0));
      else if (input == "z")
        inputs.emplace_back(input, zeros({1, size}, at::kFloat));
      else if (input == "label" && dataset_->info().classes > 0)
        inputs.emplace_back(input, zeros({1}, at::kLong));
    const int64_t number = ++update_number_;
    const auto forward = [&](const std::string& who, const NamedTensors& given) {
      players_.at(who)->model.weights.begin(number, train::Use::measure);
      return players_.at(who)->forward(given, number, /*training=*/false);
    };
    for (const auto& [output, tensor] :
         placed("/models/" + name, [&] { return forward(name, wiring_.completed(name, inputs, forward)); }))
      facts_["shape." + name + "." + output] = tensor.sizes().slice(1).vec();
  }
}

LabelledSource& Game::labelled() {
  if (!labelled_)
    placed("/dataset", [&] {
      const auto& entry = trial_.config.at("dataset");
      const auto seed = static_cast<uint64_t>(trial_.seed), which = entry.value("labelled_seed", uint64_t{0});
      labelled_ = std::make_unique<LabelledSource>(*dataset_, entry.value("labelled", int64_t{0}),
                                                   which ? which : seed, batch_, seed, data_->selected());
    });
  return *labelled_;
}

void Game::check_labelled() const {
  if (!trial_.config.at("dataset").contains("labelled") || labelled_) return;
  for (const auto& loss : trial_.config.at("losses"))
    for (const auto& role : trial_.component("loss", loss).description.at("roles"))
      for (const std::string& need : needs_of(role, loss))
        if (need == "label") return;
  throw PlacedError("/dataset/labelled",
                    "no loss looks at labelled samples, so this would do nothing but take their labels from "
                    "real ones: add a loss that does, such as semi_supervised, or leave it out");
}

void Game::first_passes() {
  const auto seed = static_cast<uint64_t>(trial_.seed);
  const at::NoGradGuard no_grad;
  for (const auto& [name, player] : players_) {
    if (!player->model.instance.declared().first_pass) continue;
    const OwnRandomness own(train::derive_seed(seed, "first pass/" + name));
    at::Generator generator = train::make_generator(seed, "first batch");
    const Batch real = data_->draw(batch_, generator);
    const at::Tensor z = draw_latent(trial_.config.at("train").at("latent"), batch_, generator);
    NamedTensors inputs;
    for (const std::string& input : player->model.instance.inputs())
      if (input == "image")
        inputs.emplace_back(input, of_side(real.image, wiring_.shape(name, dataset_->info().shape)));
      else if (input == "z")
        inputs.emplace_back(input, z);
      else if (input == "label" && real.label.defined())
        inputs.emplace_back(input, real.label);
    placed("/models/" + name, [&, &p = player] { p->first_pass(inputs, ++update_number_); });
  }
}

void Game::check_links() const {
  const auto lists = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& [name, player] : players_)
    for (const auto& [input, link] : wiring_.links(name)) {
      const std::string pointer = "/models/" + name + "/inputs/" + input;
      if (!lists(player->model.instance.inputs(), input))
        throw PlacedError(pointer, "it takes no input '" + input + "'");
      if (!lists(players_.at(link.player)->model.instance.outputs(), link.output))
        throw PlacedError(pointer, "'" + link.player + "' gives no output '" + link.output + "'");
    }
}

void Game::check_wiring() const {
  for (size_t i = 0; i < losses_.size(); ++i) {
    const Cast& cast = losses_[i].cast;
    const auto& roles = losses_[i].loss->instance.component().description.at("roles");
    const std::string judge = cast.player("discriminator"), maker = cast.player("generator");
    if (roles.contains("discriminator") && players_.contains(judge) && players_.contains(maker) &&
        wiring_.side(judge) != wiring_.side(maker))
      throw PlacedError("/losses/" + std::to_string(i),
                        "'" + maker + "' and '" + judge + "' are for pictures of different sides");
    for (const auto& [role, player] : cast.players)
      if (!roles.contains(role) && role != "generator" && role != "discriminator")
        throw PlacedError("/losses/" + std::to_string(i) + "/players/" + role,
                          "in loss '" + losses_[i].name + "' nobody plays the role '" + role + "'");
  }
  for (const auto& name : order_) {
    if (!players_.contains(name)) throw PlacedError("/train/order", "there is no model '" + name + "'");
    const bool spoken_to = std::any_of(losses_.begin(), losses_.end(), [&](const LossEntry& l) {
      return !role_in(l.cast, l.loss->instance, name).empty();
    });
    if (!spoken_to) throw PlacedError("/losses", "no loss says what player '" + name + "' should minimise");
  }
}

std::string Game::role_in(const Cast& cast, const Loss& loss, const std::string& player) const {
  const auto& roles = loss.component().description.at("roles");
  for (const auto& [role, entry] : roles.items())
    if (cast.player(role) == player) return role;
  for (const auto& [role, entry] : roles.items())
    if (wiring_.feeds(player, cast.player(role))) return role;
  return "";
}

nlohmann::json Game::facts_for(const Cast& cast) const {
  if (cast.players.empty()) return facts_;
  nlohmann::json facts = facts_;
  for (const auto& [role, player] : cast.players)
    for (const std::string prefix : {"shape.", "parameters."})
      for (const auto& [key, value] : facts_.items()) {
        const std::string own = prefix + player;
        if (key == own || key.starts_with(own + ".")) facts[prefix + role + key.substr(own.size())] = value;
      }
  if (cast.side > 0) facts["sample_shape"] = {dataset_->info().shape.at(0), cast.side, cast.side};
  return facts;
}

std::pair<int64_t, int64_t> Game::rounds_of(const std::string& player) const {
  constexpr int64_t kForever = std::numeric_limits<int64_t>::max();
  const auto& train = trial_.config.at("train");
  const nlohmann::json during = train.value("during", nlohmann::json::object());
  if (!during.contains(player)) return {0, kForever};
  const nlohmann::json& window = during.at(player);
  if (!window.is_array() || window.size() != 2 || !window[0].is_number_integer() ||
      !window[1].is_number_integer() || window[0] < 0 || window[0] >= window[1] ||
      window[0] >= train.at("rounds"))
    throw PlacedError(
        "/train/during/" + player,
        "expected [from, to], rounds below train.rounds with from < to, found " + window.dump());
  return {window[0], window[1]};
}

std::vector<int64_t> Game::first_rounds() const {
  std::set<int64_t> rounds = {0};
  const nlohmann::json during = trial_.config.at("train").value("during", nlohmann::json::object());
  for (const auto& [player, window] : during.items())
    if (std::find(order_.begin(), order_.end(), player) == order_.end())
      throw PlacedError("/train/during/" + player, "there is no player '" + player + "' that is trained");
  for (const std::string& player : order_) rounds.insert(rounds_of(player).first);
  return {rounds.begin(), rounds.end()};
}

Batch Game::generate(int64_t count, at::Generator generator, bool average) {
  return Sampler(*this, {.average = average}, 0).draw(count, generator);
}

at::Tensor Game::features(const std::string& output, const at::Tensor& images, const at::Tensor& labels,
                          bool average) {
  const at::NoGradGuard no_grad;
  const auto dot = output.find('.');
  const std::string model = output.substr(0, dot),
                    name = dot == std::string::npos ? "" : output.substr(dot + 1);
  if (!players_.contains(model)) throw Error("there is no model '" + model + "'");
  Player& p = *players_.at(model);
  const std::vector<int64_t> shape = wiring_.shape(model, dataset_->info().shape);
  const int64_t number = ++update_number_;
  average = average && p.average.has_value();
  (average ? *p.average_weights : p.model.weights).begin(number, train::Use::measure);
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < images.size(0); i += 256) {
    NamedTensors inputs = {{"image", of_side(images.slice(0, i, i + 256), shape)}};
    if (labels.defined()) inputs.emplace_back("label", labels.slice(0, i, i + 256));
    const at::Tensor f = find(p.forward(inputs, number, false, average), name);
    if (!f.defined()) throw Error("model '" + model + "' gives no output '" + name + "'");
    parts.push_back(f.reshape({f.size(0), -1}).to(at::kFloat));
  }
  return at::cat(parts);
}

at::Tensor Game::logits(const Batch& batch) {
  const at::NoGradGuard no_grad;
  Player& p = *players_.at("discriminator");
  const int64_t number = ++update_number_;
  p.model.weights.begin(number, train::Use::measure);
  NamedTensors inputs = {{"image", batch.image}};
  if (batch.label.defined()) inputs.emplace_back("label", batch.label);
  return find(p.forward(inputs, number, false), "logit");
}

std::map<std::string, at::Tensor> Game::state() {
  std::map<std::string, at::Tensor> all;
  for (auto& [name, player] : players_) {
    train::add_prefixed(all, name + "/raw/", player->model.set.tensors());
    if (player->average) train::add_prefixed(all, name + "/ema/", player->average->set().tensors());
    if (player->update) train::add_prefixed(all, name + "/optimizer/", player->update->state());
  }
  for (auto& entry : losses_) train::add_prefixed(all, "loss/" + entry.name + "/", entry.loss->set.tensors());
  train::add_prefixed(all, "augment/", augmentation_->state());
  train::add_prefixed(all, "data/", data_->state());
  if (labelled_) train::add_prefixed(all, "labelled/", labelled_->state());
  all["random/latent"] = train::generator_state(latent_);
  const auto random = random_states();
  for (size_t i = 0; i < random.size(); ++i) all[kRandom[i]] = random[i];
  all["update_number"] = at::scalar_tensor(update_number_, at::kLong);
  return all;
}

void Game::load_state(const std::map<std::string, at::Tensor>& state) {
  for (auto& [name, player] : players_) {
    player->model.set.load(train::with_prefix(state, name + "/raw/"));
    if (player->average) player->average->set().load(train::with_prefix(state, name + "/ema/"));
    if (player->update) player->update->load_state(train::with_prefix(state, name + "/optimizer/"));
  }
  for (auto& entry : losses_) entry.loss->set.load(train::with_prefix(state, "loss/" + entry.name + "/"));
  augmentation_->load_state(train::with_prefix(state, "augment/"));
  data_->load_state(train::with_prefix(state, "data/"));
  if (const auto kept = train::with_prefix(state, "labelled/"); !kept.empty()) labelled().load_state(kept);
  train::set_generator_state(latent_, state.at("random/latent"));
  std::vector<at::Tensor> random;
  for (const char* name : kRandom)
    if (const auto found = state.find(name); found != state.end()) random.push_back(found->second);
  set_random_states(random);
  update_number_ = state.at("update_number").item<int64_t>();
}

}  // namespace saddle::worker
