#include "labels.hpp"
using namespace saddle;

// The auxiliary classifier of AC-GAN (Odena et al. 2017, arXiv:1610.09585, eq. 3).
struct AuxiliaryClassifier {
  static Description describe() {
    return {
        .name = "ac",
        .doc =
            "Auxiliary classifier (AC-GAN, Odena et al. 2017, eq. 3): cross-entropy of the class from "
            "the discriminator's features, trained with the discriminator. Add it to an adversarial loss.",
        .params = {param("fakes", true)
                       .doc("the discriminator classifies fakes too, as in the paper; later code does not"),
                   param("spectral_norm", true).doc("of the classifying layer")},
        .needs = {"discriminator.features", "label"}};
  }
  explicit AuxiliaryClassifier(const Builder& b)
      : fakes_(b.get<bool>("fakes")),
        weight_(b.parameter("classifier.weight", {class_count(b, "ac"), feature_size(b)}, head(b))),
        bias_(b.parameter("classifier.bias", {class_count(b, "ac")})) {}

  Terms discriminator(Step& s) const {
    Terms terms{{"real", loss(s, "real")}};
    if (fakes_) terms.emplace_back("fake", loss(s, "fake"));
    return terms;
  }
  Terms generator(Step& s) const { return {{"fake", loss(s, "fake")}}; }

 private:
  Tensor loss(const Step& s, const char* sample) const {
    const Tensor features = flatten(s.output("discriminator", sample, "features"), 1);
    return cross_entropy_loss(linear(features, s[weight_], s[bias_]),
                              s.input((std::string(sample) + ".label").c_str()));
  }

  bool fakes_;
  ParamId weight_;
  ParamId bias_;
};
SADDLE_LOSS(AuxiliaryClassifier)
