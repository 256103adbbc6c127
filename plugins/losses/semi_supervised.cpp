#include <saddle/loss.hpp>
using namespace saddle;

// Semi-supervised learning with one class more, that of the fakes (Salimans et al. 2016, arXiv:1606.03498,
// section 5): of K + 1 logits that of the fakes is fixed at 0, which takes nothing from the softmax. With Z =
// sum exp l_k a sample is real with probability Z / (Z + 1).
class SemiSupervised {
 public:
  static Description describe() {
    return {
        .name = "semi_supervised",
        .doc =
            "The discriminator is a classifier of K classes and of one for fakes (Salimans et al. 2016, "
            "section 5): cross-entropy of the sample `labelled`, whose labels `dataset.labelled` of the "
            "training split keep; all real samples are of one of the K classes, fakes of the other. It "
            "says nothing to the generator: give it feature_matching, as the paper does.",
        .params = {param("unsupervised", 1.0)
                       .at_least(0)
                       .doc("factor of the part without labels, the mean of real and fake (paper: 1). 0: a "
                            "classifier of the labelled samples alone")},
        .needs = {"discriminator.logits", "label"}};
  }
  explicit SemiSupervised(const Builder& b) : unsupervised_(b.get<double>("unsupervised")) {}

  Terms discriminator(Step& s) const {
    const Tensor chances = log_softmax(s.output("discriminator", "labelled", "logits"), 1);
    Terms terms = {{"supervised", -mean(gather(chances, 1, unsqueeze(s.input("labelled.label"), 1)))}};
    if (unsupervised_ == 0) return terms;
    // log Z of each sample: -log Z / (Z + 1) = softplus(-log Z), and -log 1 / (Z + 1) = softplus(log Z).
    const Tensor real = logsumexp(s.real("logits"), {1}), fake = logsumexp(s.fake("logits"), {1});
    terms.emplace_back("real", 0.5 * unsupervised_ * mean(softplus(-real)));
    terms.emplace_back("fake", 0.5 * unsupervised_ * mean(softplus(fake)));
    return terms;
  }

 private:
  double unsupervised_;
};
SADDLE_LOSS(SemiSupervised)
