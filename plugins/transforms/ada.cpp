#include <saddle/transform.hpp>
#include <saddle/trial.hpp>

#include <cmath>
using namespace saddle;

namespace {

constexpr double kPi = 3.14159265358979323846, kLn2 = 0.69314718055994530942;

// Adaptive discriminator augmentation (Karras et al. 2020, arXiv:2006.06676, section 3 and appendix B): every
// operation is drawn for each picture with probability p, and p follows how far the discriminator overfits,
// r_t = E sign(D(real)).
class Ada {
 public:
  static Description describe() {
    return {
        .name = "ada",
        .doc =
            "Adaptive discriminator augmentation (Karras et al. 2020): mirror, quarter turns, whole-pixel "
            "moves, scaling, rotation and colour, each with probability p, which grows while the "
            "discriminator's real logits are positive more often than `target` says and shrinks otherwise. "
            "p and its statistics are in the checkpoint; p and r_t are recorded. Without the wavelet filter "
            "of the released code: one bilinear resampling, borders mirrored.",
        .params = {
            param("target", 0.6)
                .at_least(-1)
                .at_most(1)
                .doc("r_t, the mean sign of real logits, that p is steered to (paper: 0.6)"),
            param("p", 0.0).at_least(0).at_most(1).doc("the probability to begin with"),
            param("images", 500000)
                .at_least(0)
                .doc("real samples in which p may go from 0 to 1 (paper: 500,000); 0: p stays as it is"),
            param("interval", 4).at_least(1).doc("updates of the discriminator between two steps of p"),
            param("record", 25)
                .at_least(0)
                .doc("p and r_t are recorded at every so many steps of p; 0: never"),
            param("flip", true).doc("mirror left to right; not for digits or text"),
            param("rotate90", true).doc("quarter turns; square pictures only"),
            param("move", 0.125)
                .at_least(0)
                .at_most(1)
                .doc("whole-pixel moves by up to this share of the side; 0: none"),
            param("scale", 0.2)
                .at_least(0)
                .doc("deviation of the base-2 logarithm of isotropic scaling; 0: none"),
            param("rotate", 1.0).at_least(0).at_most(1).doc("largest angle, in half turns; 0: none"),
            param("brightness", 0.2).at_least(0).doc("deviation of what is added"),
            param("contrast", 0.5).at_least(0).doc("deviation of the base-2 logarithm of the factor"),
            param("luma_flip", true).doc("of colour pictures: mirror the brightness axis, half of the time"),
            param("hue", 1.0).at_least(0).at_most(1).doc("of colour pictures: largest turn, in half turns"),
            param("saturation", 1.0)
                .at_least(0)
                .doc("of colour pictures: deviation of the base-2 logarithm of the factor")}};
  }
  explicit Ada(const Builder& b)
      : target_(b.get<double>("target")),
        images_(static_cast<double>(b.get<int64_t>("images"))),
        interval_(b.get<int64_t>("interval")),
        record_(b.get<int64_t>("record")),
        flip_(b.get<bool>("flip")),
        rotate90_(b.get<bool>("rotate90")),
        move_(b.get<double>("move")),
        scale_(b.get<double>("scale")),
        rotate_(b.get<double>("rotate")),
        brightness_(b.get<double>("brightness")),
        contrast_(b.get<double>("contrast")),
        hue_(b.get<double>("hue")),
        saturation_(b.get<double>("saturation")),
        luma_flip_(b.get<bool>("luma_flip")),
        p_(b.buffer("p", {}, b.get<double>("p"))),
        signs_(b.buffer("signs", {}, 0)),
        count_(b.buffer("count", {}, 0)),
        updates_(b.buffer("updates", {}, 0)) {
    if (!b.has_fact("sample_shape")) return;
    const auto shape = b.sample_shape();
    if (shape.size() != 3) throw Error("ada is for pictures; the data set has points");
    if (shape[0] != 1 && shape[0] != 3)
      throw Error("ada is for pictures of 1 or 3 channels; these have " + std::to_string(shape[0]));
    if (rotate90_ && shape[1] != shape[2])
      throw Error("ada: quarter turns need square pictures; these are " + std::to_string(shape[1]) + " x " +
                  std::to_string(shape[2]) + ". Set 'rotate90' to false");
  }

  Tensor apply(const Tensor& image, const Call& call) const {
    if (const Tensor logit = call.find("real_logit")) adapt(call, logit);
    const Chance chance{call[p_], image.size(0), image.dtype()};
    return colored(placed(image, chance), chance);
  }

 private:
  // Draws for each picture, [n, 1].
  struct Chance {
    const Tensor& p;
    int64_t n;
    DType dtype;
    Tensor uniform(double from, double to) const { return rand({n, 1}, dtype) * (to - from) + from; }
    Tensor normal(double deviation) const { return randn({n, 1}, dtype) * deviation; }
    // Whole numbers from `least` to `most`.
    Tensor whole(int64_t least, int64_t most) const {
      return floor(uniform(0, static_cast<double>(most - least + 1))) + static_cast<double>(least);
    }
    // `value` with probability p, else `neutral`.
    Tensor maybe(const Tensor& value, double neutral) const {
      return where(lt(rand({n, 1}), p), value, neutral);
    }
  };

  // Every `interval` updates p moves by the share of `images` that they saw, toward r_t = target. Reading the
  // counter waits for a GPU once an update of the discriminator.
  void adapt(const Call& call, const Tensor& logit) const {
    NoGrad guard;
    add_(call[signs_], sum(sign(logit)));
    add_(call[count_], ones({}, DType::float32), static_cast<double>(logit.numel()));
    add_(call[updates_], ones({}, DType::float32));
    const auto updates = static_cast<int64_t>(call[updates_].item());
    if (updates % interval_ != 0) return;
    const Tensor r = call[signs_] / call[count_];
    if (images_ > 0)
      copy_(call[p_], clamp(call[p_] + sign(r - target_) * call[count_] / images_, Scalar(0.0), Scalar(1.0)));
    if (record_ > 0 && updates / interval_ % record_ == 0) {
      trial::scalar("p", call[p_].item());
      trial::scalar("r_t", r.item());
    }
    zero_(call[signs_]);
    zero_(call[count_]);
  }

  // All moves as one: where each place of the result lies in the picture. With mirror F, quarter turns Q,
  // move t, scaling and rotation B in this order, a place q comes from F' Q' (B' q - t), lengths in pixels.
  Tensor placed(const Tensor& image, const Chance& chance) const {
    const int64_t n = image.size(0), h = image.size(2), w = image.size(3);
    const auto height = static_cast<double>(h), width = static_cast<double>(w);
    const Tensor zero = zeros({n, 1}, image.dtype()), one = ones({n, 1}, image.dtype());
    Tensor f = one, c = one, s = zero, tx = zero, ty = zero, k = one, angle = zero;
    if (flip_) f = chance.maybe(1 - 2 * chance.whole(0, 1), 1);
    if (rotate90_) {
      const Tensor turn = chance.maybe(chance.whole(0, 3), 0) * (kPi / 2);
      c = round(cos(turn));
      s = round(sin(turn));
    }
    if (move_ > 0) {
      const Tensor by = where(lt(rand({n, 1}), chance.p), one, zero);  // both ways or none
      tx = by * round(chance.uniform(-move_, move_) * width);
      ty = by * round(chance.uniform(-move_, move_) * height);
    }
    if (scale_ > 0) k = chance.maybe(exp(chance.normal(-scale_ * kLn2)), 1);
    if (rotate_ > 0) angle = chance.maybe(chance.uniform(-rotate_ * kPi, rotate_ * kPi), 0);
    const Tensor bc = k * cos(angle), bs = k * sin(angle);     // B' = (bc bs; -bs bc)
    const Tensor a00 = f * c, a01 = f * s, a10 = -s, a11 = c;  // F' Q'
    const Tensor g00 = a00 * bc - a01 * bs, g01 = a00 * bs + a01 * bc;
    const Tensor g10 = a10 * bc - a11 * bs, g11 = a10 * bs + a11 * bc;
    const Tensor gx = -(a00 * tx + a01 * ty), gy = -(a10 * tx + a11 * ty);
    // In the sampler's units a side is 2 long.
    const Tensor theta = reshape(cat(std::vector{g00, g01 * (height / width), gx * (2 / width),
                                                 g10 * (width / height), g11, gy * (2 / height)},
                                     1),
                                 {n, 2, 3});
    constexpr int64_t kBilinear = 0, kReflection = 2;
    const Tensor grid = affine_grid_generator(theta, {n, image.size(1), h, w}, false);
    const Tensor sampled = grid_sampler_2d(image, grid, kBilinear, kReflection, false);
    // What is not moved is not resampled either.
    const double stay[] = {1, 0, 0, 0, 1, 0};
    const Tensor identity = to(Tensor::from(std::span<const double>(stay), {1, 2, 3}), image.dtype());
    const Tensor moved = gt(sum(abs(theta - identity), IntList{1, 2}), 0);
    return where(reshape(moved, {n, 1, 1, 1}), sampled, image);
  }

  // Brightness, contrast; of colours also the mirrored brightness axis, hue and saturation: a colour is its
  // mean over the channels, which lies along the axis of greys, and what is at right angles to it.
  Tensor colored(const Tensor& image, const Chance& chance) const {
    const IntList each = {image.size(0), 1, 1, 1};
    Tensor x = image;
    if (brightness_ > 0) x = x + reshape(chance.maybe(chance.normal(brightness_), 0), each);
    if (contrast_ > 0) x = x * reshape(chance.maybe(exp(chance.normal(contrast_ * kLn2)), 1), each);
    if (x.size(1) != 3) return x;
    const Tensor grey_before = mean(x, 1, true), color_before = x - grey_before;
    Tensor grey = grey_before, color = color_before;
    if (luma_flip_) grey = grey * reshape(chance.maybe(1 - 2 * chance.whole(0, 1), 1), each);
    if (hue_ > 0) {
      const Tensor angle = reshape(chance.maybe(chance.uniform(-hue_ * kPi, hue_ * kPi), 0), each);
      // Turned about the axis v of greys: v x color is a difference of neighbouring channels.
      const Tensor across = (roll(color, 1, 1) - roll(color, -1, 1)) / std::sqrt(3.0);
      color = color * cos(angle) + across * sin(angle);
    }
    if (saturation_ > 0)
      color = color * reshape(chance.maybe(exp(chance.normal(saturation_ * kLn2)), 1), each);
    // By what changed, so that the pictures that were not drawn stay as they are to the last bit.
    return x + ((grey - grey_before) + (color - color_before));
  }

  double target_, images_;
  int64_t interval_, record_;
  bool flip_, rotate90_;
  double move_, scale_, rotate_, brightness_, contrast_, hue_, saturation_;
  bool luma_flip_;
  BufferId p_, signs_, count_, updates_;  // since the last step of p, but updates: of all
};

}  // namespace
SADDLE_TRANSFORM(Ada)
