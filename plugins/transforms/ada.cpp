#include "filter_bank.hpp"

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
        .version = "3",
        .doc =
            "Adaptive discriminator augmentation (Karras et al. 2020): mirror, quarter turns, moves, scaling "
            "both isotropic and not, rotation and colour, each with probability p, which grows while the "
            "discriminator's real logits are positive more often than `target` says and shrinks otherwise; "
            "frequency bands, noise and cutout on request. p and its statistics are in the checkpoint; p and "
            "r_t are recorded. All moves are one bilinear resampling with mirrored borders, without the "
            "wavelet filter about it of the released code.",
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
            param("anisotropic", 0.2)
                .at_least(0)
                .doc("deviation of the base-2 logarithm of stretching one axis and shrinking the other, "
                     "between two rotations; 0: none"),
            param("rotate", 1.0)
                .at_least(0)
                .at_most(1)
                .doc("largest angle, in half turns, before and after, each with probability 1 - sqrt(1 - p); "
                     "0: "
                     "none"),
            param("fraction", 0.125)
                .at_least(0)
                .doc("deviation of a move by any distance, as a share of the side; 0: none"),
            param("brightness", 0.2).at_least(0).doc("deviation of what is added"),
            param("contrast", 0.5).at_least(0).doc("deviation of the base-2 logarithm of the factor"),
            param("luma_flip", true).doc("of colour pictures: mirror the brightness axis, half of the time"),
            param("hue", 1.0).at_least(0).at_most(1).doc("of colour pictures: largest turn, in half turns"),
            param("saturation", 1.0)
                .at_least(0)
                .doc("of colour pictures: deviation of the base-2 logarithm of the factor"),
            param("filter", 0.0)
                .at_least(0)
                .doc("deviation of the base-2 logarithm by which each of four bands of frequencies is made "
                     "stronger, at equal power; 0: none (paper, with filtering: 1)"),
            param("noise", 0.0)
                .at_least(0)
                .doc("deviation of the deviation of noise that is added; 0: none (paper, with corruptions: "
                     "0.1)"),
            param("cutout", 0.0)
                .at_least(0)
                .at_most(1)
                .doc("side of a square set to 0, as a share of the picture's; 0: none (paper, with "
                     "corruptions: 0.5)")}};
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
        anisotropic_(b.get<double>("anisotropic")),
        fraction_(b.get<double>("fraction")),
        filter_(b.get<double>("filter")),
        noise_(b.get<double>("noise")),
        cutout_(b.get<double>("cutout")),
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
    return corrupted(filtered(colored(placed(image, chance), chance), chance), chance);
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

  // Two by two, each element for all pictures: [n, 1].
  struct Matrix {
    Tensor xx, xy, yx, yy;
    Matrix operator*(const Matrix& m) const {
      return {xx * m.xx + xy * m.yx, xx * m.xy + xy * m.yy, yx * m.xx + yy * m.yx, yx * m.xy + yy * m.yy};
    }
    // Back by an angle.
    static Matrix turned(const Tensor& angle) {
      const Tensor c = cos(angle), s = sin(angle);
      return {c, s, -s, c};
    }
  };

  // All moves as one: where each place of the result lies in the picture. With mirror F, quarter turns Q,
  // whole move t, and then B of scaling, rotation, stretching and rotation again, and any move u, a place q
  // comes from F' Q' (B' (q - u) - t), lengths in pixels.
  Tensor placed(const Tensor& image, const Chance& chance) const {
    const int64_t n = image.size(0), h = image.size(2), w = image.size(3);
    const auto height = static_cast<double>(h), width = static_cast<double>(w);
    const Tensor zero = zeros({n, 1}, image.dtype()), one = ones({n, 1}, image.dtype());
    Tensor f = one, c = one, s = zero, tx = zero, ty = zero, k = one, stretch = one, ux = zero, uy = zero;
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
    // Together the two rotations are drawn with probability p.
    const Tensor half = 1 - sqrt(1 - chance.p);
    const Chance each{half, n, image.dtype()};
    const auto turned = [&] {
      if (rotate_ == 0) return Matrix{one, zero, zero, one};
      return Matrix::turned(each.maybe(each.uniform(-rotate_ * kPi, rotate_ * kPi), 0));
    };
    const Matrix first = turned();
    if (anisotropic_ > 0) stretch = chance.maybe(exp(chance.normal(anisotropic_ * kLn2)), 1);
    const Matrix second = turned();
    if (fraction_ > 0) {
      const Tensor by = where(lt(rand({n, 1}), chance.p), one, zero);
      ux = by * chance.normal(fraction_) * width;
      uy = by * chance.normal(fraction_) * height;
    }
    const Matrix placing{f * c, f * s, -s, c};  // F' Q'
    const Matrix back =
        Matrix{k, zero, zero, k} * first * Matrix{one / stretch, zero, zero, stretch} * second;
    const Matrix g = placing * back;
    const Tensor g00 = g.xx, g01 = g.xy, g10 = g.yx, g11 = g.yy;
    const Tensor gx = -(placing.xx * tx + placing.xy * ty + g.xx * ux + g.xy * uy);
    const Tensor gy = -(placing.yx * tx + placing.yy * ty + g.yx * ux + g.yy * uy);
    // In the sampler's units a side is 2 long.
    const Tensor theta = reshape(cat(std::vector{g00, g01 * (height / width), gx * (2 / width),
                                                 g10 * (width / height), g11, gy * (2 / height)},
                                     1),
                                 {n, 2, 3});
    const Tensor sampled = resampled(image, affine_grid_generator(theta, {n, image.size(1), h, w}, false));
    // What is not moved is not resampled either.
    const double stay[] = {1, 0, 0, 0, 1, 0};
    const Tensor identity = to(Tensor::from(std::span<const double>(stay), {1, 2, 3}), image.dtype());
    const Tensor moved = gt(sum(abs(theta - identity), IntList{1, 2}), 0);
    return where(reshape(moved, {n, 1, 1, 1}), sampled, image);
  }

  // Where coordinates, -1 to 1 from edge to edge, lie among `side` pixels when the picture is mirrored at its
  // borders: in [0, side - 1].
  static Tensor mirrored(const Tensor& coordinates, int64_t side) {
    const auto length = static_cast<double>(side);
    const Tensor from_edge = abs((coordinates + 1) * (length / 2));
    const Tensor folded = from_edge - 2 * length * floor(from_edge / (2 * length));
    return clamp(minimum(folded, 2 * length - folded) - 0.5, Scalar(0.0), Scalar(length - 1));
  }

  // Bilinear at the places of `grid`, [n, h, w, 2]. By gathering, since LibTorch's grid_sampler_2d cannot be
  // differentiated twice, as gradient penalties on pictures before augmentation need it.
  static Tensor resampled(const Tensor& image, const Tensor& grid) {
    const int64_t n = image.size(0), channels = image.size(1), h = image.size(2), w = image.size(3);
    const Tensor x = mirrored(narrow(grid, 3, 0, 1), w), y = mirrored(narrow(grid, 3, 1, 1), h);
    const Tensor left = floor(x), top = floor(y), to_right = x - left, down = y - top;
    const Tensor right = clamp(left + 1, Scalar(0.0), Scalar(static_cast<double>(w - 1))),
                 bottom = clamp(top + 1, Scalar(0.0), Scalar(static_cast<double>(h - 1)));
    const Tensor flat = reshape(image, {n, channels, h * w});
    const auto corner = [&](const Tensor& row, const Tensor& column, const Tensor& weight) {
      const Tensor place = to(reshape(row * static_cast<double>(w) + column, {n, 1, h * w}), DType::int64);
      return gather(flat, 2, expand(place, {n, channels, h * w})) * reshape(weight, {n, 1, h * w});
    };
    return reshape(corner(top, left, (1 - down) * (1 - to_right)) +
                       corner(top, right, (1 - down) * to_right) +
                       corner(bottom, left, down * (1 - to_right)) + corner(bottom, right, down * to_right),
                   {n, channels, h, w});
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

  // Each band of frequencies is made stronger or weaker, and then all of them so that natural pictures, whose
  // power falls with the frequency, keep theirs (appendix B of the paper).
  Tensor filtered(const Tensor& image, const Chance& chance) const {
    if (filter_ == 0) return image;
    constexpr int64_t kBands = FilterBank::kBands;
    constexpr double kPower[kBands] = {10.0 / 13, 1.0 / 13, 1.0 / 13, 1.0 / 13};
    std::vector<Tensor> gains(kBands, ones({chance.n, 1}, chance.dtype));
    for (int64_t band = 0; band < kBands; ++band) {
      const Tensor gain = chance.maybe(exp(chance.normal(filter_ * kLn2)), 1);
      const double power = kPower[band];
      const Tensor total = sqrt(power * square(gain) + (1 - power));
      for (int64_t other = 0; other < kBands; ++other) {
        Tensor& g = gains[static_cast<size_t>(other)];
        g = (other == band ? g * gain : g) / total;
      }
    }
    const Tensor g = cat(gains, 1);
    const Tensor drawn = gt(sum(abs(g - 1), IntList(1)), 0);
    const auto along = [&](int64_t side) {
      const std::vector<double> bands = FilterBank::matrices(side);
      const Tensor all =
          to(Tensor::from(std::span<const double>(bands), {kBands, side * side}), image.dtype());
      return reshape(mm(g, all), {chance.n, 1, side, side});
    };
    const Tensor y = matmul(matmul(along(image.size(2)), image), transpose(along(image.size(3)), 2, 3));
    return where(reshape(drawn, {chance.n, 1, 1, 1}), y, image);
  }

  Tensor corrupted(const Tensor& image, const Chance& chance) const {
    const IntList each = {chance.n, 1, 1, 1};
    Tensor x = image;
    if (noise_ > 0) {
      const Tensor deviation = chance.maybe(abs(chance.normal(noise_)), 0);
      x = x + randn({chance.n, x.size(1), x.size(2), x.size(3)}, x.dtype()) * reshape(deviation, each);
    }
    if (cutout_ > 0) {
      // How far a row or a column is from the middle of the square, in sides of the picture.
      const auto away = [&](int64_t side, const IntList& shape) {
        const Tensor at = (arange(static_cast<double>(side), x.dtype()) + 0.5) / static_cast<double>(side);
        return abs(reshape(at, shape) - reshape(chance.uniform(0, 1), each));
      };
      const Tensor rows = away(x.size(2), {1, 1, x.size(2), 1}),
                   columns = away(x.size(3), {1, 1, 1, x.size(3)});
      const Tensor reach = reshape(chance.maybe(full({chance.n, 1}, cutout_ / 2, x.dtype()), 0), each);
      x = where(lt(maximum(rows, columns), reach), 0.0, x);
    }
    return x;
  }

  double target_, images_;
  int64_t interval_, record_;
  bool flip_, rotate90_;
  double move_, scale_, rotate_, brightness_, contrast_, hue_, saturation_, anisotropic_, fraction_, filter_,
      noise_, cutout_;
  bool luma_flip_;
  BufferId p_, signs_, count_, updates_;  // since the last step of p, but updates: of all
};

}  // namespace
SADDLE_TRANSFORM(Ada)
