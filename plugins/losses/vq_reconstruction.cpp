#include <saddle/loss.hpp>
#include <saddle/trial.hpp>
using namespace saddle;

// What a VQ-VAE minimises (van den Oord et al. 2017, arXiv:1711.00937, eq. 3, with the codebook learnt by
// exponential means in place of its second term).
class VqReconstruction {
 public:
  static Description describe() {
    return {.name = "vq_reconstruction",
            .doc =
                "Reconstruction and commitment of a VQ-VAE (van den Oord et al. 2017, eq. 3), for the player "
                "`autoencoder`: |x - y|^2 / variance + commitment |z - e|^2, means over everything. The "
                "perplexity of the codebook is recorded beside them.",
            .params = {param("commitment", 0.25).at_least(0).doc("weight of |z - e|^2 (paper: 0.25)"),
                       param("variance", 0.0)
                           .at_least(0)
                           .doc("of the data, as in the authors' example; 0: each batch's own"),
                       param("perplexity_every", 10)
                           .at_least(1)
                           .doc("rounds between records of exp of the entropy of the codes of a batch: how "
                                "many are in use")},
            .needs = {"autoencoder.image", "autoencoder.code", "autoencoder.quantized", "autoencoder.usage"},
            .surrogate_gradient = true};
  }
  explicit VqReconstruction(const Builder& b)
      : commitment_(b.get<double>("commitment")),
        variance_(b.get<double>("variance")),
        every_(b.get<int64_t>("perplexity_every")) {}

  static std::vector<std::string> roles() { return {"autoencoder"}; }
  Terms compute(Step& s) const {
    const Tensor x = s.input("real.augmented"), y = s.output("autoencoder", "real", "image");
    const Tensor error = mse_loss(y, x);
    const Tensor z = s.output("autoencoder", "real", "code"),
                 e = detach(s.output("autoencoder", "real", "quantized"));
    if (s.round() % every_ == 0) trial::scalar("perplexity", perplexity(s));
    return {{"reconstruction", variance_ > 0 ? error / variance_ : error / mean(square(x - mean(x)))},
            {"commitment", commitment_ * mse_loss(z, e)}};
  }

 private:
  static double perplexity(Step& s) {
    NoGrad guard;
    const Tensor share = mean(flatten(s.output("autoencoder", "real", "usage"), 1), 0);
    return exp(-sum(share * log(relu(share) + 1e-10))).item();
  }
  double commitment_, variance_;
  int64_t every_;
};
SADDLE_LOSS(VqReconstruction)
