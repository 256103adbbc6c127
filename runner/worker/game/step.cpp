#include <game/step.hpp>

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include <bridge/precision.hpp>
#include <bridge/random.hpp>

namespace saddle::worker {
namespace {

// While it lives, operators pick bfloat16 where autocast allows it, unless a component asked for float32.
class Autocast {
 public:
  explicit Autocast(bool on) : on_(on && full_precision_depth() == 0), device_(trial_device().type()) {
    if (!on_) return;
    previous_ = at::autocast::is_autocast_enabled(device_);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!on_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, previous_);
  }

 private:
  bool on_, previous_ = false;
  at::DeviceType device_;
};

std::string shape_text(at::IntArrayRef shape) {
  std::string text;
  for (const int64_t s : shape) text += (text.empty() ? "" : " x ") + std::to_string(s);
  return text;
}

// Losses, statistics and gradients are kept in float32.
at::Tensor full_precision(const at::Tensor& t) {
  return t.scalar_type() == at::kBFloat16 ? t.to(at::kFloat) : t;
}

}  // namespace

PlayerStep::PlayerStep(Game& game, Player& player, int64_t update)
    : game_(game), updated_(player), update_(update) {}

Player& PlayerStep::player(const std::string& name) {
  const auto found = game_.players_.find(name);
  if (found == game_.players_.end()) throw Error("the game has no model '" + name + "'");
  return *found->second;
}

std::string PlayerStep::first_nonfinite() const {
  const at::NoGradGuard no_grad;
  const auto bad = [](const at::Tensor& t) {
    return t.defined() && at::isFloatingType(t.scalar_type()) && !at::isfinite(t).all().item<bool>();
  };
  const auto who = [&](const std::string& name) {
    return name + " (model '" + game_.players_.at(name)->model.instance.component().name + "')";
  };
  for (const auto& [name, player] : game_.players_)
    for (const auto& [weight, tensor] : player->model.set.tensors())
      if (bad(tensor)) return "weight '" + weight + "' of " + who(name);
  for (const char* name : {"real.image", "latent.z"})
    if (const auto found = inputs_.find(name); found != inputs_.end() && bad(found->second)) return name;
  if (const auto found = inputs_.find("fake.image"); found != inputs_.end() && bad(found->second))
    return "output 'image' of " + who("generator");
  for (const auto& [key, outputs] : outputs_) {
    const size_t space = key.find(' ');
    for (const auto& [name, tensor] : outputs)
      if (bad(tensor))
        return "output '" + name + "' of " + who(key.substr(0, space)) + " on " + key.substr(space + 1);
  }
  return "";
}

void PlayerStep::mark(const std::string& input) { marked_.insert(input); }

void PlayerStep::draw_real() {
  const Batch batch = game_.data_->next();
  at::Tensor image = batch.image;
  if (marked_.contains("real.image")) image.requires_grad_(true);
  inputs_["real.image"] = image;
  // Those of the few that keep theirs are in the sample "labelled".
  if (!game_.trial_.config.at("dataset").contains("labelled")) inputs_["real.label"] = batch.label;
}

void PlayerStep::draw_labelled() {
  const Batch batch = game_.labelled().next();
  inputs_["labelled.image"] = batch.image;
  inputs_["labelled.label"] = batch.label;
}

void PlayerStep::draw_latent_sample() {
  const auto& latent = game_.trial_.config.at("train").at("latent");
  inputs_["latent.z"] = draw_latent(latent, game_.batch_, game_.latent_);
  const int64_t classes = game_.dataset_->info().classes;
  at::Tensor label;
  if (classes > 0)
    label = at::randint(classes, {game_.batch_}, game_.latent_, at::TensorOptions().dtype(at::kLong))
                .to(trial_device());
  inputs_["latent.label"] = label;
}

void PlayerStep::shrink(const std::string& sample) {
  const size_t at = sample.find('@');
  const std::string whole = sample.substr(0, at);
  const int64_t side = std::stoll(sample.substr(at + 1));
  at::Tensor image = at::adaptive_avg_pool2d(find_input(whole + ".image").detach(), {side, side});
  if (marked_.contains(sample + ".image")) image.requires_grad_(true);
  inputs_[sample + ".image"] = image;
  inputs_[sample + ".label"] = find_input(whole + ".label");
}

void PlayerStep::generate(const std::string& sample) {
  const size_t at = sample.find('@');
  const std::string generator = at == std::string::npos ? "generator" : sample.substr(at + 1);
  if (!game_.players_.contains(generator))
    throw Error("the game has no model '" + generator + "', so there are no fake samples");
  const bool trained = game_.wiring_.feeds(updated_.name, generator);
  at::Tensor image;
  if (trained) {
    image = find_output(generator, "latent", "image");
  } else {
    // No graph through the generator in another player's update.
    const at::NoGradGuard no_grad;
    image = find_output(generator, "latent", "image").detach();
  }
  const auto expected = game_.wiring_.shape(generator, game_.dataset_->info().shape);
  if (image.sizes().slice(1) != at::IntArrayRef(expected))
    throw PlacedError("/models/" + generator, "makes samples of " + shape_text(image.sizes().slice(1)) +
                                                  "; the data set's are " + shape_text(expected));
  if (marked_.contains(sample + ".image") && !image.requires_grad()) image.requires_grad_(true);
  inputs_[sample + ".image"] = image;
  inputs_[sample + ".label"] = find_input("latent.label");
  // What else it makes: a small picture beside the large one.
  for (const auto& [name, tensor] : outputs_.at(generator + " latent"))
    if (name != "image") inputs_[sample + "." + name] = trained ? tensor : tensor.detach();
}

template <class F>
auto PlayerStep::remembered(F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    if (!failure_) failure_ = std::current_exception();
    throw;
  }
}

at::Tensor PlayerStep::input(const std::string& name) {
  return remembered([&] { return find_input(cast_->input(name)); });
}
at::Tensor PlayerStep::output(const std::string& model, const std::string& sample, const std::string& name) {
  return remembered([&] { return find_output(cast_->player(model), cast_->sample(sample), name); });
}
NamedTensors PlayerStep::run(const std::string& model, const NamedTensors& inputs) {
  return remembered([&] {
    const auto run = [&](const std::string& who, const NamedTensors& given) {
      return forward(player(who), given);
    };
    const std::string who = player(cast_->player(model)).name;
    return run(who, game_.wiring_.completed(who, inputs, run));
  });
}

std::optional<ModelParameter> PlayerStep::model_parameter(const std::string& model, std::size_t index) {
  return remembered([&]() -> std::optional<ModelParameter> {
    Player& p = player(cast_->player(model));
    if (index >= p.model.set.parameters().size()) return std::nullopt;
    return ModelParameter{&p.model.set.parameters()[index].spec, &p == &updated_,
                          p.model.weights.weight(index, update_), p.model.weights.raw(index, update_)};
  });
}

at::Tensor PlayerStep::find_input(const std::string& name) {
  const auto found = inputs_.find(name);
  if (found != inputs_.end()) return found->second;
  if (const size_t dot = name.find('.'); dot != std::string::npos && name.substr(dot) == ".augmented")
    return inputs_[name] = augmented(name.substr(0, dot));
  // Once each: a model may ask for what the sample does not have.
  if (name.starts_with("real.") && !inputs_.contains("real.image"))
    draw_real();
  else if (name.starts_with("labelled.") && !inputs_.contains("labelled.image"))
    draw_labelled();
  else if (name.starts_with("latent.") && !inputs_.contains("latent.z"))
    draw_latent_sample();
  else if (const std::string sample = name.substr(0, name.find('.'));
           (sample == "fake" || sample.starts_with("fake@")) && !inputs_.contains(sample + ".image"))
    generate(sample);
  else if (sample.find('@') != std::string::npos && !inputs_.contains(sample + ".image"))
    shrink(sample);
  const auto drawn = inputs_.find(name);
  return drawn == inputs_.end() ? at::Tensor() : drawn->second;
}

at::Tensor PlayerStep::augmented(const std::string& sample) {
  at::Tensor& image = augmented_[sample];
  if (!image.defined()) {
    image = find_input(sample + ".image");
    if (!image.defined())
      throw Error("there is no sample '" + sample + "'; there are real, labelled, fake and latent");
    if (!game_.augmentation_->empty()) draws_[sample] = random_states();
    image = game_.augmentation_->apply(image);
    if (image.dim() == 4 && game_.trial_.config.at("train").at("memory_format") == "channels_last")
      image = image.contiguous(at::MemoryFormat::ChannelsLast);
  }
  return image;
}

at::Tensor PlayerStep::augmented_like_image(const std::string& sample, const at::Tensor& picture) {
  (void)augmented(sample);
  if (!draws_.contains(sample)) return picture;
  const auto now = random_states();
  set_random_states(draws_.at(sample));
  const at::Tensor result = game_.augmentation_->apply(picture);
  set_random_states(now);
  return result;
}

NamedTensors PlayerStep::inputs_of(const Player& p, const std::string& sample) {
  NamedTensors inputs;
  const Links& links = game_.wiring_.links(p.name);
  for (const std::string& name : p.model.instance.inputs()) {
    if (const auto link = links.find(name); link != links.end()) {
      const at::Tensor made = find_output(link->second.player, sample, link->second.output);
      inputs.emplace_back(name, link->second.detach ? made.detach() : made);
      continue;
    }
    at::Tensor t = name == "image" ? augmented(sample) : find_input(sample + "." + name);
    if (name != "image" && sample.starts_with("fake") && t.defined() && t.dim() == 4)
      t = augmented_like_image(sample, t);
    if (t.defined()) inputs.emplace_back(name, t);
  }
  return inputs;
}

NamedTensors PlayerStep::forward(Player& p, const NamedTensors& inputs) {
  NamedTensors outputs;
  placed("/models/" + p.name, [&] {
    const Autocast autocast(game_.trial_.config.at("train").at("precision") == "bfloat16");
    outputs = p.forward(inputs, update_, /*training=*/!p.frozen && !p.resting);
  });
  for (auto& [name, tensor] : outputs) {
    tensor = full_precision(tensor);
    game_.output_shapes_[p.name].try_emplace(name, tensor.sizes().vec());
  }
  return outputs;
}

void PlayerStep::compute(const std::string& model, const std::string& sample) {
  Player& p = player(model);
  outputs_[model + " " + sample] = forward(p, inputs_of(p, sample));
}

// Real and fake in one pass: one concatenated batch, split again.
void PlayerStep::compute_jointly(Player& p, const std::string& real_sample, const std::string& fake_sample) {
  const NamedTensors real = inputs_of(p, real_sample);
  const NamedTensors fake = inputs_of(p, fake_sample);
  NamedTensors both;
  for (const auto& [name, tensor] : real)
    if (const at::Tensor other = find(fake, name); other.defined())
      both.emplace_back(name, at::cat({tensor, other}));
  if (both.size() != fake.size() || both.size() != real.size())
    throw PlacedError("/train/pass", "'joint' needs the same inputs of real and fake, and the " + p.name +
                                         " gets others with fakes: take 'separate'");
  const int64_t n = game_.batch_;
  for (const auto& [name, tensor] : forward(p, both)) {
    outputs_[p.name + " " + real_sample].emplace_back(name, tensor.narrow(0, 0, n));
    outputs_[p.name + " " + fake_sample].emplace_back(name, tensor.narrow(0, n, n));
  }
}

at::Tensor PlayerStep::find_output(const std::string& model, const std::string& sample,
                                   const std::string& name) {
  const std::string key = model + " " + sample;
  if (!outputs_.contains(key)) {
    Player& p = player(model);
    const std::string real = cast_->sample("real"), fake = cast_->sample("fake");
    const bool joint = game_.trial_.config.at("train").at("pass") == "joint" && &p == &updated_ &&
                       model != cast_->player("generator") && (sample == real || sample == fake) &&
                       game_.players_.contains(cast_->player("generator"));
    if (joint)
      compute_jointly(p, real, fake);
    else
      compute(model, sample);
    if (&p == &updated_ && model == "discriminator" && (joint || sample == "real"))
      if (const at::Tensor logit = find(outputs_[model + " real"], "logit"); logit.defined())
        game_.augmentation_->tell(logit);
  }
  at::Tensor result = find(outputs_[key], name);
  if (!result.defined()) throw Error("model '" + model + "' gives no output '" + name + "'");
  return result;
}

}  // namespace saddle::worker
