// Augmentations that several components share.
#pragma once
#include <saddle/ops.hpp>

#include <cmath>

#pragma GCC visibility push(hidden)
namespace saddle {

// Differentiable augmentation (Zhao et al. 2020, arXiv:2006.10738; ranges of the released code), every
// picture on its own draw, in this order: color (brightness +-0.5, saturation x 0 to 2, contrast x 0.5 to
// 1.5), translation, cutout. [batch, channels, height, width] in and out.
struct DiffAugmentation {
  bool color = true;
  double translation = 0.125;  // largest shift as a share of the side, zeros come in
  double cutout = 0.5;         // side of the square that is blanked, as a share of the picture's

  Tensor operator()(const Tensor& image) const {
    Tensor x = image;
    if (color) x = contrast(saturation(brightness(x)));
    if (translation > 0) x = translated(x);
    if (cutout > 0) x = x * cut(x);
    return x;
  }

 private:
  static Tensor draw(const Tensor& x) { return rand({x.size(0), 1, 1, 1}, x.dtype()); }
  static Tensor brightness(const Tensor& x) { return x + (draw(x) - 0.5); }
  static Tensor saturation(const Tensor& x) {
    const Tensor grey = mean(x, 1, true);
    return (x - grey) * (2 * draw(x)) + grey;
  }
  static Tensor contrast(const Tensor& x) {
    const Tensor middle = mean(x, IntList{1, 2, 3}, true);
    return (x - middle) * (draw(x) + 0.5) + middle;
  }

  // Whole numbers from `least` to `most`, [n, 1] int64.
  static Tensor whole(int64_t n, int64_t least, int64_t most) {
    const Tensor drawn = floor(rand({n, 1}) * static_cast<double>(most - least + 1));
    return to(drawn, DType::int64) + least;
  }
  static Tensor places(int64_t size) { return reshape(arange(size, DType::int64), {1, size}); }

  Tensor translated(const Tensor& x) const {
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
    const int64_t y_most = shift(h), x_most = shift(w);
    // A border of one zero stands for all that lies outside.
    const Tensor padded = constant_pad_nd(x, {1, 1, 1, 1}, 0);
    const Tensor rows = clamp(places(h) + whole(n, -y_most, y_most) + 1, 0, h + 1);
    const Tensor columns = clamp(places(w) + whole(n, -x_most, x_most) + 1, 0, w + 1);
    const Tensor moved = gather(padded, 2, expand(reshape(rows, {n, 1, h, 1}), {n, c, h, w + 2}));
    return gather(moved, 3, expand(reshape(columns, {n, 1, 1, w}), {n, c, h, w}));
  }
  int64_t shift(int64_t side) const { return std::lround(static_cast<double>(side) * translation); }

  // [n, 1, h, w]: 0 in a square somewhere, which may reach over the border, 1 elsewhere.
  Tensor cut(const Tensor& x) const {
    const int64_t n = x.size(0), h = x.size(2), w = x.size(3);
    const auto inside = [&](int64_t side, const IntList& shape) {
      const int64_t size = std::lround(static_cast<double>(side) * cutout);
      const Tensor first = whole(n, -(size / 2), side - (size + 1) / 2);
      const Tensor place = places(side);
      return reshape(logical_and(ge(place, first), lt(place, first + size)), shape);
    };
    const Tensor square = logical_and(inside(h, {n, 1, h, 1}), inside(w, {n, 1, 1, w}));
    return to(logical_not(square), x.dtype());
  }
};

}  // namespace saddle
#pragma GCC visibility pop
