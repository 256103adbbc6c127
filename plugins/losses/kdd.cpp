#include "labels.hpp"
#include "passes.hpp"

#include <saddle/augment.hpp>
#include <saddle/trial.hpp>

#include <cmath>
#include <limits>
using namespace saddle;

// Kernel density discrimination (KDD GAN, Lemkhenter et al. 2021, eqs. 3 and 4): the discriminator's verdict
// is the log-ratio of two kernel density estimates in its feature space, whose anchors are the batch's own
// real and fake samples.
class Kdd {
 public:
  static Description describe() {
    return {
        .name = "kdd",
        .doc =
            "Kernel density discrimination (KDD GAN, Lemkhenter et al. 2021): D(x) = log p_r(x) - log "
            "p_g(x), "
            "both densities estimated in the space of the discriminator's features, in the hinge loss of eq. "
            "3. Alone, or with hinge (Joint) and jacobian (JacD). Unit features bound |D(x)| by 2 / "
            "temperature, by 1 / temperature where none is negative. The first round's mean log-ratios are "
            "recorded.",
        .params =
            {param("temperature", 1.0)
                 .above(0)
                 .doc("tau of the von Mises-Fisher kernel (paper: 1; table 1 has 0.05 to 5), sigma of the "
                      "Gaussian one"),
             param("kernel", "vmf")
                 .one_of({"vmf", "gaussian"})
                 .doc("vmf: exp(<a, b> / tau) of features of length 1. gaussian: exp(-|a - b|^2 / 2 sigma^2) "
                      "of "
                      "features as they are (appendix A)"),
             param("margin", 1.0).at_least(0).doc("of the discriminator's hinge (paper: 1)"),
             param("leave_one_out", true)
                 .doc("a sample is no anchor of its own density; its augmented copies stay (section 2.1)"),
             param("detach_anchors", false)
                 .doc("no gradient through anchors: then the generator's is that of eqs. 5 to 7"),
             param("copies", 0)
                 .at_least(0)
                 .doc("augmented copies of every sample that are anchors only (paper: DA 1, x3, x7); of "
                      "samples as they "
                      "are before train.augment"),
             param("color", true).doc("copies: brightness, saturation, contrast"),
             param("translation", 0.125)
                 .at_least(0)
                 .at_most(1)
                 .doc("copies: largest shift, as a share of the side"),
             param("cutout", 0.5)
                 .at_least(0)
                 .at_most(1)
                 .doc("copies: blanked square, as a share of the side"),
             param("conditional", false)
                 .doc("adds y' V phi(x) to the log-ratio (section 2.3); V is trained with the discriminator"),
             param("spectral_norm", true).doc("conditional: of V, as of a projection"),
             param("keep_real", false)
                 .doc("the generator's real anchors are those of the discriminator's last update (the "
                      "daggered rows), not of a fresh batch; they are in the checkpoint")},
        .needs = {"discriminator.features"}};
  }
  explicit Kdd(const Builder& b)
      : augment_{b.get<bool>("color"), b.get<double>("translation"), b.get<double>("cutout")},
        temperature_(b.get<double>("temperature")),
        margin_(b.get<double>("margin")),
        copies_(b.get<int64_t>("copies")),
        gaussian_(b.get<std::string>("kernel") == "gaussian"),
        joint_(wants_joint_pass(b)),
        leave_one_out_(b.get<bool>("leave_one_out")),
        detach_anchors_(b.get<bool>("detach_anchors")) {
    if (copies_ > 0 && b.has_fact("sample_shape") && b.sample_shape().size() != 3)
      throw Error("kdd: 'copies' are augmented pictures; the data set has points. Set it to 0");
    if (b.get<bool>("conditional"))
      classes_ = b.parameter("classes.weight", {class_count(b, "kdd: 'conditional'"), feature_size(b)},
                             {Layout::embedding, init::normal(0, 0.02),
                              b.get<bool>("spectral_norm") ? Norm::spectral : Norm::none});
    if (b.get<bool>("keep_real")) {
      kept_ = b.buffer("real_anchors", {b.fact<int64_t>("batch") * (1 + copies_), feature_size(b)}, 0);
      any_kept_ = b.buffer("any_real_anchors", {}, 0);
    }
  }

  Terms discriminator(Step& s) const {
    const Tensor real = features(s, "real"), fake = features(s, "fake");
    const std::vector<Tensor> both = anchors(s, {"real", "fake"}, joint_);
    const Tensor &real_anchors = both[0], &fake_anchors = both[1];
    const Tensor real_ratio =
        conditional(s, "real", real, density(real, real_anchors, true) - density(real, fake_anchors, false));
    const Tensor fake_ratio =
        conditional(s, "fake", fake, density(fake, real_anchors, false) - density(fake, fake_anchors, true));
    if (kept_) {
      copy_(s[*kept_], detach(real_anchors));
      fill_(s[*any_kept_], 1);
    }
    if (s.round() == 0) {
      trial::scalar("initial_log_ratio_real", mean(real_ratio).item());
      trial::scalar("initial_log_ratio_fake", mean(fake_ratio).item());
    }
    return {{"kdd_real", mean(relu(margin_ - real_ratio))}, {"kdd_fake", mean(relu(margin_ + fake_ratio))}};
  }

  Terms generator(Step& s) const {
    const Tensor fake = features(s, "fake");
    const Tensor ratio =
        density(fake, real_anchors(s), false) - density(fake, anchors(s, {"fake"}, false)[0], true);
    return {{"kdd", -mean(conditional(s, "fake", fake, ratio))}};
  }

 private:
  // phi of a batch, [n, K] in float32 or wider, of length 1 for the von Mises-Fisher kernel.
  Tensor phi(const Tensor& raw) const {
    const Tensor x = flatten(raw, 1);
    return gaussian_ ? x : x * rsqrt(sum(square(x), {1}, true) + 1e-24);
  }
  Tensor features(const Step& s, const char* sample) const {
    return phi(s.output("discriminator", sample, "features"));
  }

  // Of each sample the batch itself, then its copies: [n (1 + copies), K].
  std::vector<Tensor> anchors(Step& s, const std::vector<const char*>& samples, bool joint) const {
    std::vector<Tensor> all;
    all.reserve(samples.size());
    for (const char* sample : samples) all.push_back(features(s, sample));
    if (copies_ > 0) {
      std::vector<Pictures> sets;
      for (const std::string sample : samples) {
        const Tensor image = s.input((sample + ".image").c_str());
        const Tensor label = s.find((sample + ".label").c_str());
        std::vector<Tensor> images, labels;
        for (int64_t i = 0; i < copies_; ++i) {
          images.push_back(augment_(image));
          if (label) labels.push_back(label);
        }
        sets.push_back({cat(images), label ? cat(labels) : Tensor()});
      }
      const std::vector<Tensor> copies = features_of(s, sets, joint);
      for (size_t i = 0; i < all.size(); ++i) all[i] = cat(std::vector{all[i], phi(copies[i])});
    }
    if (detach_anchors_)
      for (Tensor& one : all) one = detach(one);
    return all;
  }
  Tensor real_anchors(Step& s) const {
    // Before the discriminator's first update there are none to keep.
    if (kept_ && (s.round() > 0 || s[*any_kept_].item() != 0)) return clone(s[*kept_]);
    return anchors(s, {"real"}, false)[0];
  }

  // log of the density estimate at each x, but for the kernel's constant, [n]. `own`: the first anchors are
  // the x themselves.
  Tensor density(const Tensor& x, const Tensor& anchors, bool own) const {
    const Tensor products = mm(x, transpose(anchors, 0, 1));
    Tensor exponents = products / temperature_;
    if (gaussian_) {
      const Tensor distances =
          sum(square(x), {1}, true) + transpose(sum(square(anchors), {1}, true), 0, 1) - 2 * products;
      exponents = distances / (-2 * temperature_ * temperature_);
    }
    int64_t count = anchors.size(0);
    if (own && leave_one_out_) {
      const int64_t n = x.size(0);
      if (--count < 1) throw Error("kdd leaves each sample out of its own density: that needs a batch of 2");
      Tensor self = eye(n, DType::boolean);
      if (anchors.size(0) > n)
        self = cat(std::vector{self, zeros({n, anchors.size(0) - n}, DType::boolean)}, 1);
      exponents = masked_fill(exponents, self, -std::numeric_limits<double>::infinity());
    }
    return logsumexp(exponents, {1}) - std::log(static_cast<double>(count));
  }

  Tensor conditional(const Step& s, const std::string& sample, const Tensor& x, const Tensor& ratio) const {
    if (!classes_) return ratio;
    return ratio + sum(embedding(s[*classes_], s.input((sample + ".label").c_str())) * x, {1});
  }

  DiffAugmentation augment_;
  double temperature_, margin_;
  int64_t copies_;
  bool gaussian_, joint_, leave_one_out_, detach_anchors_;
  std::optional<ParamId> classes_;
  std::optional<BufferId> kept_, any_kept_;
};
SADDLE_LOSS(Kdd)
