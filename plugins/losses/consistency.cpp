#include <saddle/loss.hpp>
using namespace saddle;

// Consistency regularisation: the discriminator shall say the same of a picture and of its augmented copy
// (CR, Zhang et al. 2020, arXiv:1910.12027), of fakes too (bCR), and of fakes from nearby latents, which the
// generator shall tell apart (zCR; both Zhao et al. 2021, arXiv:2002.04724).
struct Consistency {
  static Description describe() {
    return {
        .name = "consistency",
        .doc =
            "Consistency regularisation: CR by default (Zhang et al. 2020: mirrored half of the time, moved "
            "by "
            "up to 1/8 of the side), bCR with fake 10 (Zhao et al. 2021), zCR with latent_discriminator 20 "
            "and "
            "latent_generator 0.5. Add it to any adversarial loss.",
        .params = {
            param("real", 10.0).at_least(0).doc("weight of the term on real samples"),
            param("fake", 0.0).at_least(0).doc("weight of the term on fake ones (bCR: 10)"),
            param("latent_discriminator", 0.0).at_least(0).doc("weight of zCR's term in the discriminator"),
            param("latent_generator", 0.0).at_least(0).doc("weight of zCR's term in the generator"),
            param("radius", 0.05).above(0).doc("standard deviation of the noise that zCR adds to z"),
            param("flip", true).doc("mirror half of the copies; not for digits or text")}};
  }
  explicit Consistency(const Builder& b)
      : real_(b.get<double>("real")),
        fake_(b.get<double>("fake")),
        latent_d_(b.get<double>("latent_discriminator")),
        latent_g_(b.get<double>("latent_generator")),
        radius_(b.get<double>("radius")),
        flip_(b.get<bool>("flip")) {
    if (b.has_fact("sample_shape") && b.sample_shape().size() != 3 && (real_ > 0 || fake_ > 0))
      throw Error(
          "consistency mirrors and moves pictures; the data set has points: only zCR's terms make sense "
          "(\"real\": 0, \"fake\": 0)");
  }

  Terms discriminator(Step& s) const {
    Terms terms;
    if (real_ > 0) {
      const Tensor copy = s.run(
          "discriminator",
          {{"image", augmented(detach(s.input("real.image")))}, {"label", s.find("real.label")}}, "logit");
      terms.emplace_back("real", real_ * mse_loss(s.real("logit"), copy));
    }
    if (fake_ > 0) {
      const Tensor copy = s.run(
          "discriminator",
          {{"image", augmented(detach(s.input("fake.image")))}, {"label", s.find("fake.label")}}, "logit");
      terms.emplace_back("fake", fake_ * mse_loss(s.fake("logit"), copy));
    }
    if (latent_d_ > 0) {
      const Tensor copy =
          s.run("discriminator", {{"image", detach(nearby(s))}, {"label", s.find("fake.label")}}, "logit");
      terms.emplace_back("latent", latent_d_ * mse_loss(s.fake("logit"), copy));
    }
    return terms;
  }

  Terms generator(Step& s) const {
    if (latent_g_ == 0) return {};
    return {{"latent", -latent_g_ * mse_loss(s.input("fake.image"), nearby(s))}};
  }

 private:
  Tensor nearby(Step& s) const {
    const Tensor z = s.input("latent.z");
    return s.run("generator", {{"z", z + radius_ * randn_like(z)}, {"label", s.find("latent.label")}},
                 "image");
  }

  // Mirrored with probability 1/2 and moved by up to an eighth of the side, each picture on its own; what
  // comes in at the border is reflected.
  Tensor augmented(const Tensor& image) const {
    const int64_t n = image.size(0), c = image.size(1), h = image.size(2), w = image.size(3);
    const Tensor x = flip_ ? where(lt(rand({n, 1, 1, 1}), 0.5), flip(image, {3}), image) : image;
    const int64_t most_y = std::max<int64_t>(1, h / 8), most_x = std::max<int64_t>(1, w / 8);
    const Tensor padded = reflection_pad2d(x, {most_x, most_x, most_y, most_y});
    const Tensor rows = window(n, h, most_y), columns = window(n, w, most_x);
    const Tensor cut = gather(padded, 2, expand(reshape(rows, {n, 1, h, 1}), {n, c, h, w + 2 * most_x}));
    return gather(cut, 3, expand(reshape(columns, {n, 1, 1, w}), {n, c, h, w}));
  }
  // [n, size]: a stretch of `size` places for each picture, that starts at 0 to 2 * most.
  static Tensor window(int64_t n, int64_t size, int64_t most) {
    const Tensor start = to(floor(rand({n, 1}) * static_cast<double>(2 * most + 1)), DType::int64);
    return start + reshape(arange(size, DType::int64), {1, size});
  }

  double real_, fake_, latent_d_, latent_g_, radius_;
  bool flip_;
};
SADDLE_LOSS(Consistency)
