#include <saddle/loss.hpp>
using namespace saddle;

// Cross-entropy of the true class, log-softmax of a classifier's logits (Bridle 1990), with label smoothing
// (Szegedy et al. 2015, arXiv:1512.00567, section 7).
struct CrossEntropy {
  static Description describe() {
    return {.name = "cross_entropy",
            .doc =
                "Cross-entropy of a classifier's logits with the labels, for the player `classifier` (label "
                "smoothing: Szegedy et al. 2015, section 7).",
            .params = {param("smoothing", 0.0)
                           .at_least(0)
                           .below(1)
                           .doc("share of the target that all classes have in common (paper: 0.1)")},
            .needs = {"classifier.logits", "label"}};
  }
  explicit CrossEntropy(const Builder& b) : smoothing_(b.get<double>("smoothing")) {}

  static std::vector<std::string> roles() { return {"classifier"}; }
  Terms compute(Step& s) const {
    const Tensor chances = log_softmax(s.output("classifier", "real", "logits"), 1);
    const Tensor label = unsqueeze(s.input("real.label"), 1);
    const Tensor wrong = -mean(gather(chances, 1, label));
    return {{"wrong", smoothing_ == 0 ? wrong : wrong * (1 - smoothing_) - mean(chances) * smoothing_}};
  }

 private:
  double smoothing_;
};
SADDLE_LOSS(CrossEntropy)
