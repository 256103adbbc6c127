// Penalties on the weights of models.
#include <saddle/loss.hpp>

using namespace saddle;

struct WeightPenalty {
  static Description describe() {
    return {.name = "weight_penalty", .doc = "sizes of the discriminator's weights", .needs = {}};
  }
  explicit WeightPenalty(const Builder&) {}

  Terms discriminator(Step& s) const {
    for (const ModelParameter& p : s.model_parameters("generator"))
      if (p.trained || p.weight.requires_grad() || p.raw.requires_grad())
        throw Error("generator/" + p.name + " is trained by the discriminator's update");
    Tensor raw, weight;
    for (const ModelParameter& p : s.model_parameters("discriminator")) {
      if (!p.trained) throw Error("discriminator/" + p.name + " is not trained");
      if (p.norm == Norm::none && p.raw.handle() != p.weight.handle())
        throw Error(p.name + " is two tensors");
      if (p.layout != Layout::linear) continue;
      raw = raw ? raw + sum(square(p.raw)) : sum(square(p.raw));
      weight = weight ? weight + sum(p.weight) : sum(p.weight);
    }
    return {{"raw", raw}, {"weight", weight}};
  }
  // What does not ask for raw weights costs nothing more.
  Terms generator(Step& s) const {
    if (s.model_parameters("generator").empty()) throw Error("the generator has no parameters");
    try {
      s.model_parameters("classifier");
    } catch (const Error& e) {
      if (std::string(e.what()).find("no model 'classifier'") == std::string::npos) throw;
      return {{"logit", -mean(s.fake("logit"))}};
    }
    throw Error("there is a classifier");
  }
};
SADDLE_LOSS(WeightPenalty)
