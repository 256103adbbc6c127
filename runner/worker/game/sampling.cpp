#include <game/sampling.hpp>

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include <train/random.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kChunk = 256;

bool given(const nlohmann::json& entry, const char* key) {
  return entry.contains(key) && !entry[key].is_null();
}

train::ParameterSet& set_of(Player& player, bool average) {
  return average ? player.average->set() : player.model.set;
}

}  // namespace

BatchNorm batch_norm_from_name(const std::string& name) {
  if (name == "running") return BatchNorm::running;
  if (name == "batch") return BatchNorm::batch;
  if (name == "standing") return BatchNorm::standing;
  throw Error("batch_norm: expected running, batch or standing, found \"" + name + "\"");
}

Sampling Sampling::from_json(const nlohmann::json& entry) {
  Sampling how;
  if (given(entry, "weights")) how.average = entry["weights"] == "ema";
  if (given(entry, "truncation")) how.truncation = entry["truncation"];
  if (given(entry, "z_std")) how.z_std = entry["z_std"];
  if (given(entry, "batch_norm")) how.batch_norm = batch_norm_from_name(entry["batch_norm"]);
  if (given(entry, "standing_passes")) how.standing_passes = entry["standing_passes"];
  return how;
}

void Sampling::describe(nlohmann::json& protocol) const {
  protocol["weights"] = average ? "ema" : "raw";
  protocol["truncation"] = truncation > 0 ? nlohmann::json(truncation) : nlohmann::json();
  if (z_std != 1) protocol["z_std"] = z_std;
  constexpr const char* kNames[] = {"running", "batch", "standing"};
  protocol["batch_norm"] = kNames[static_cast<int>(batch_norm)];
  if (batch_norm == BatchNorm::standing) protocol["standing_passes"] = standing_passes;
}

void check_truncation(const nlohmann::json& latent, double truncation) {
  if (truncation <= 0) return;
  const auto use = latent.at("use").get<std::string>();
  if (use != "normal" && use != "uniform" && use != "censored_normal" && use != "sparse_normal")
    throw Error("truncation draws coordinates of z again until |z| < T, which z of train.latent " + use +
                " cannot be; it is for normal, uniform, censored_normal and sparse_normal");
  if (truncation < 0.001)
    throw Error("truncation " + std::to_string(truncation) +
                ": expected at least 0.001, below which almost every draw is thrown away");
}

at::Tensor draw_latent(const nlohmann::json& latent, int64_t count, at::Generator generator,
                       const Sampling& how) {
  check_truncation(latent, how.truncation);
  at::Tensor z = draw_latent(latent, count, generator);
  if (how.truncation > 0) {
    at::Tensor flat = z.cpu().flatten();
    nlohmann::json scalars = latent;
    scalars["size"] = 1;
    at::Tensor outside = (flat.abs() >= how.truncation).nonzero().flatten();
    while (outside.numel() > 0) {
      flat.index_put_({outside}, draw_latent(scalars, outside.numel(), generator).cpu().flatten());
      outside = outside.index({flat.index({outside}).abs() >= how.truncation});
    }
    z = flat.reshape(z.sizes()).to(z.device());
  }
  return how.z_std == 1 ? z : z.mul_(how.z_std);
}

Sampler::Sampler(Game& game, const Sampling& how, uint64_t seed)
    : game_(game),
      generator_(*game.players().at("generator")),
      how_(how),
      filler_(train::make_generator(seed, "filler")),
      number_(game.next_update()) {
  how_.average = how.average && generator_.average.has_value();
  std::vector<std::string> players = game.wiring().behind("generator");
  players.push_back("generator");
  for (const std::string& name : players) {
    Player& player = *game.players().at(name);
    if (how_.average && player.average)
      player.average_weights->begin(number_, train::Use::measure);
    else
      player.model.weights.begin(number_, train::Use::measure);
  }
  if (how_.batch_norm == BatchNorm::running) return;
  train::ParameterSet& set = set_of(generator_, how_.average);
  restored_ = std::make_unique<const Restored>(set);
  if (how_.batch_norm == BatchNorm::batch) return;
  const at::NoGradGuard no_grad;
  set_standing_statistics(set, how_.standing_passes, [&](int64_t i) {
    at::Generator own = train::make_generator(seed, "standing/" + std::to_string(i));
    const at::Tensor z = latent(game_.batch(), own);
    run(z, labels(game_.batch(), own), /*training=*/true);
  });
}

at::Tensor Sampler::latent(int64_t count, at::Generator generator) const {
  return draw_latent(game_.config().at("train").at("latent"), count, generator, how_);
}

at::Tensor Sampler::labels(int64_t count, at::Generator generator) const {
  const int64_t classes = game_.dataset().info().classes;
  if (classes <= 0) return {};
  return at::randint(classes, {count}, generator, at::TensorOptions().dtype(at::kLong)).to(trial_device());
}

bool Sampler::mixes_styles() const {
  const auto& inputs = generator_.model.instance.inputs();
  return std::find(inputs.begin(), inputs.end(), "z_style") != inputs.end();
}

at::Tensor Sampler::run(const at::Tensor& z, const at::Tensor& label, bool training, const Edit& edit,
                        const at::Tensor& style) {
  NamedTensors inputs = {{"z", z}};
  if (style.defined()) inputs.emplace_back("z_style", style);
  if (label.defined()) inputs.emplace_back("label", label);
  // Players that feed the generator are as they are in evaluation.
  inputs =
      game_.wiring().completed("generator", inputs, [&](const std::string& name, const NamedTensors& given) {
        Player& player = *game_.players().at(name);
        const bool average = how_.average && player.average;
        const Declared& own = player.model.instance.declared();
        return player.model.instance.forward(
            weights_of(own, average ? *player.average_weights : player.model.weights, number_),
            buffers_of(own, set_of(player, average)), given, /*training=*/false);
      });
  const Declared& declared = generator_.model.instance.declared();
  auto weights =
      weights_of(declared, how_.average ? *generator_.average_weights : generator_.model.weights, number_);
  if (edit) edit(weights);
  const auto buffers = buffers_of(declared, set_of(generator_, how_.average));
  return find(generator_.model.instance.forward(weights, buffers, inputs, training), "image");
}

at::Tensor Sampler::filled_up(const at::Tensor& z, const at::Tensor& label, const Edit& edit,
                              const at::Tensor& style) {
  const bool training = how_.batch_norm == BatchNorm::batch;
  const int64_t count = z.size(0), more = training ? std::max<int64_t>(game_.batch() - count, 0) : 0;
  if (more == 0) return run(z, label, training, edit, style);
  const at::Tensor other = latent(more, filler_), other_label = labels(more, filler_);
  return run(at::cat({z, other}), label.defined() ? at::cat({label, other_label}) : label, training, edit,
             style.defined() ? at::cat({style, other}) : style)
      .narrow(0, 0, count);
}

Batch Sampler::draw(int64_t count, at::Generator generator) {
  const at::NoGradGuard no_grad;
  const int64_t chunk = how_.batch_norm == BatchNorm::batch ? game_.batch() : kChunk;
  std::vector<at::Tensor> images, drawn;
  for (int64_t done = 0; done < count;) {
    const int64_t n = std::min(count - done, chunk);
    const at::Tensor z = latent(n, generator), label = labels(n, generator);
    images.push_back(filled_up(z, label, {}));
    if (label.defined()) drawn.push_back(label);
    done += n;
  }
  return {at::cat(images), drawn.empty() ? at::Tensor() : at::cat(drawn)};
}

at::Tensor Sampler::images(const at::Tensor& z, const at::Tensor& label, const at::Tensor& style) {
  const at::NoGradGuard no_grad;
  const int64_t chunk = how_.batch_norm == BatchNorm::batch ? game_.batch() : kChunk;
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < z.size(0); i += chunk)
    parts.push_back(filled_up(z.slice(0, i, i + chunk),
                              label.defined() ? label.slice(0, i, i + chunk) : label, {},
                              style.defined() ? style.slice(0, i, i + chunk) : style));
  return at::cat(parts);
}

at::Tensor Sampler::images_between(const at::Tensor& z, const at::Tensor& label,
                                   const std::vector<int64_t>& classes, const std::vector<int64_t>& next,
                                   double t) {
  const at::NoGradGuard no_grad;
  const auto& parameters = generator_.model.instance.declared().parameters;
  const int64_t count = game_.dataset().info().classes;
  std::vector<size_t> embeddings;
  for (size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].layout == train::Layout::embedding && parameters[i].shape.at(0) == count &&
        !parameters[i].own.defined())
      embeddings.push_back(i);
  if (embeddings.empty())
    throw Error("the generator " + generator_.model.instance.component().name + " has no embedding of the " +
                std::to_string(count) + " classes to move between; it can be interpolated in z only");
  const auto options = at::TensorOptions().dtype(at::kLong);
  const at::Tensor from = at::tensor(classes, options).to(trial_device()),
                   to = at::tensor(next, options).to(trial_device());
  const Edit edit = [&](std::vector<at::Tensor>& weights) {
    for (const size_t i : embeddings) {
      const at::Tensor& table = weights[i];
      weights[i] = table.index_copy(0, from, table.index_select(0, from).lerp(table.index_select(0, to), t));
    }
  };
  return filled_up(z, label, edit);
}

}  // namespace saddle::worker
