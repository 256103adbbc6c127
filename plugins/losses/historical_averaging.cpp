#include <saddle/loss.hpp>
using namespace saddle;

// Historical averaging (Salimans et al. 2016, arXiv:1606.03498, section 3.3): |theta - 1/t sum_i theta_i|^2,
// the mean over all updates so far.
class HistoricalAveraging {
 public:
  static Description describe() {
    return {
        .name = "historical_averaging",
        .doc =
            "Draws a player's weights to the mean of what they have been, the present ones included "
            "(Salimans et al. 2016, section 3.3). The mean counts as a constant, and is in the checkpoint: "
            "it takes as much memory as the weights.",
        .params = {param("player", "both")
                       .one_of({"both", "generator", "discriminator"})
                       .doc("whose weights; the paper's are each player's"),
                   param("strength", 1.0).at_least(0).doc("factor of the squared distance (TorchGAN: 1)")},
        .needs = {},
        .surrogate_gradient = true};
  }
  explicit HistoricalAveraging(const Builder& b)
      : player_(b.get<std::string>("player")), strength_(b.get<double>("strength")) {
    for (size_t i = 0; i < 2; ++i) {
      if (player_ != "both" && player_ != kPlayers[i]) continue;
      const std::string name = kPlayers[i];
      mean_[i] = b.buffer(name + ".mean", {b.fact<int64_t>(("parameters." + name).c_str())}, 0);
      count_[i] = b.buffer(name + ".count", {}, 0);
    }
  }

  Terms discriminator(Step& s) const { return penalty(s, 0); }
  Terms generator(Step& s) const { return penalty(s, 1); }

 private:
  static constexpr const char* kPlayers[] = {"discriminator", "generator"};

  Terms penalty(Step& s, size_t i) const {
    if (!mean_[i]) return {};
    std::vector<Tensor> all;
    for (const ModelParameter& p : s.model_parameters(kPlayers[i])) all.push_back(flatten(p.raw));
    const Tensor theta = cat(all);
    {
      NoGrad guard;
      add_(s[*count_[i]], ones({}, DType::float32));
      add_(s[*mean_[i]], (theta - s[*mean_[i]]) / s[*count_[i]]);
    }
    return {{"distance", strength_ * sum(square(theta - clone(s[*mean_[i]])))}};
  }

  std::string player_;
  double strength_;
  std::optional<BufferId> mean_[2], count_[2];
};
SADDLE_LOSS(HistoricalAveraging)
