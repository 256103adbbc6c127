#include <saddle/loss.hpp>
using namespace saddle;

// Feature matching (Salimans et al. 2016, arXiv:1606.03498, section 3.1): the generator is to make the means
// of a network's features of fakes those of reals.
class FeatureMatching {
 public:
  static Description describe() {
    return {
        .name = "feature_matching",
        .doc =
            "Draws the mean features of fakes to those of reals (Salimans et al. 2016, section 3.1). Add "
            "it to an adversarial loss, or let it be the generator's only one.",
        .params = {param("form", "squared")
                       .one_of({"squared", "l2", "l1", "per_sample"})
                       .doc("squared: |E f(x) - E f(G)|^2, the paper. l2: not squared. l1: mean absolute "
                            "difference of the means, as the paper's code for CIFAR10 and StudioGAN have "
                            "it. per_sample: mean squared difference of pairs in the batch (TorchGAN; "
                            "another thing)"),
                   param("model", "discriminator")
                       .doc("the player whose features are matched: the discriminator, or an encoder that "
                            "another trial has trained (\"from\")"),
                   param("output", "features")
                       .doc("which of its outputs. A discriminator's features are pooled over places; its "
                            "`map`, where it has one, and vqvae's features are matched place by place")},
        .needs = {"{model}.{output}"}};
  }
  explicit FeatureMatching(const Builder& b)
      : form_(b.get<std::string>("form")),
        model_(b.get<std::string>("model")),
        output_(b.get<std::string>("output")) {}

  Terms generator(Step& s) const {
    const Tensor real = flatten(detach(s.output(model_.c_str(), "real", output_.c_str())), 1);
    const Tensor fake = flatten(s.output(model_.c_str(), "fake", output_.c_str()), 1);
    if (form_ == "per_sample") return {{"matching", mse_loss(fake, real)}};
    const Tensor by = mean(fake, 0) - mean(real, 0);
    if (form_ == "l1") return {{"matching", mean(abs(by))}};
    const Tensor squared = sum(square(by));
    return {{"matching", form_ == "l2" ? sqrt(squared + 1e-24) : squared}};
  }

 private:
  std::string form_, model_, output_;
};
SADDLE_LOSS(FeatureMatching)
