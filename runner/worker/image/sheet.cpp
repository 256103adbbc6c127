#include <image/sheet.hpp>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kGap = 2, kSmallestTile = 32, kScatterSide = 400;

std::string shape_text(const at::Tensor& t) {
  std::string text = "[";
  for (const int64_t s : t.sizes()) text += (text.size() > 1 ? ", " : "") + std::to_string(s);
  return text + "]";
}

at::Tensor enlarge(const at::Tensor& pictures) {
  const int64_t side = std::min(pictures.size(2), pictures.size(3));
  const int64_t factor = (kSmallestTile + side - 1) / side;
  return factor <= 1 ? pictures : pictures.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
}

// The two coordinates to plot, float32 [n, 2] in host memory, without those that are not finite.
at::Tensor flat_points(const at::Tensor& points) {
  at::Tensor p = points.detach().to(at::kCPU, at::kFloat);
  p = p.reshape({p.size(0), -1});
  if (p.size(1) == 0) throw Error("points without coordinates cannot be drawn");
  if (p.size(1) == 1) p = at::cat({p, at::linspace(-1, 1, p.size(0)).unsqueeze(1)}, 1);
  p = p.slice(1, 0, 2);
  return p.index({at::isfinite(p).all(1)}).contiguous();
}

struct Colour {
  float red, green, blue, opacity;
};

// A disc of 2.5 pixels' diameter, blended over what is there.
void dot(at::TensorAccessor<float, 3> canvas, float x, float y, const Colour& colour) {
  const float parts[] = {colour.red, colour.green, colour.blue};
  for (int64_t row = std::lround(y) - 1; row <= std::lround(y) + 1; ++row)
    for (int64_t column = std::lround(x) - 1; column <= std::lround(x) + 1; ++column) {
      if (row < 0 || column < 0 || row >= kScatterSide || column >= kScatterSide) continue;
      const bool corner = row != std::lround(y) && column != std::lround(x);
      const float opacity = corner ? colour.opacity * 0.4f : colour.opacity;
      for (int64_t c = 0; c < 3; ++c)
        canvas[row][column][c] = canvas[row][column][c] * (1 - opacity) + parts[c] * opacity;
    }
}

constexpr Colour kReal = {170, 170, 170, 0.5f}, kSamples = {0, 90, 181, 0.6f};

// A white page that takes in the reference points, with a margin.
class Plane {
 public:
  explicit Plane(const at::Tensor& reference) {
    if (!reference.size(0)) return;
    const at::Tensor low = std::get<0>(reference.min(0)), high = std::get<0>(reference.max(0));
    for (int64_t d = 0; d < 2; ++d) centre_[d] = (low[d].item<float>() + high[d].item<float>()) / 2;
    half_ = std::max((high - low).max().item<float>() / 2 * 1.15f, 1e-6f);
  }
  void dots(const at::Tensor& set, const Colour& colour) {
    const auto at = set.accessor<float, 2>();
    for (int64_t i = 0; i < set.size(0); ++i) mark(column(at[i][0]), row(at[i][1]), colour);
  }
  // From each point; `along` in pixels, upwards.
  void arrows(const at::Tensor& set, const at::Tensor& along, const Colour& colour) {
    const auto at = set.accessor<float, 2>(), by = along.accessor<float, 2>();
    for (int64_t i = 0; i < set.size(0); ++i) {
      const float x = column(at[i][0]), y = row(at[i][1]), dx = by[i][0], dy = -by[i][1];
      stroke(x, y, dx, dy, colour);
      const float length = std::hypot(dx, dy), head = std::min(6.0f, length / 2);
      if (length < 1) continue;
      for (const float turn : {2.6f, -2.6f}) {  // back and to the side
        const float c = std::cos(turn) * head / length, s = std::sin(turn) * head / length;
        stroke(x + dx, y + dy, dx * c - dy * s, dx * s + dy * c, colour);
      }
    }
  }
  at::Tensor page() const { return page_.round().clamp_(0, 255).to(at::kByte); }

 private:
  static constexpr float kMost = kScatterSide - 1;
  float column(float x) const { return (x - centre_[0] + half_) * kMost / (2 * half_); }
  float row(float y) const { return (half_ - y + centre_[1]) * kMost / (2 * half_); }
  // Far outside: also keeps lround within its range.
  void mark(float x, float y, const Colour& colour) {
    if (std::fabs(x) < 1e4f && std::fabs(y) < 1e4f) dot(page_.accessor<float, 3>(), x, y, colour);
  }
  void stroke(float x, float y, float dx, float dy, const Colour& colour) {
    const int64_t steps = std::max<int64_t>(1, std::lround(std::max(std::fabs(dx), std::fabs(dy))));
    for (int64_t i = 0; i <= steps; ++i) {
      const float part = static_cast<float>(i) / static_cast<float>(steps);
      const int64_t r = std::lround(y + dy * part), c = std::lround(x + dx * part);
      if (r < 0 || c < 0 || r >= kScatterSide || c >= kScatterSide) continue;
      const float parts[] = {colour.red, colour.green, colour.blue};
      auto canvas = page_.accessor<float, 3>();
      for (int64_t k = 0; k < 3; ++k)
        canvas[r][c][k] = canvas[r][c][k] * (1 - colour.opacity) + parts[k] * colour.opacity;
    }
  }
  at::Tensor page_ = at::full({kScatterSide, kScatterSide, 3}, 255.0f);
  float centre_[2] = {0, 0}, half_ = 1;
};

}  // namespace

at::Tensor to_uint8(const at::Tensor& pictures) {
  const at::Tensor x = pictures.detach().to(at::kFloat);
  return at::nan_to_num(x, 0.0).add(1).mul_(127.5).add_(0.5).floor_().clamp_(0, 255).to(at::kByte);
}

at::Tensor sheet(const at::Tensor& pictures, int64_t columns) {
  if (pictures.scalar_type() != at::kByte || pictures.dim() != 4 || pictures.numel() == 0)
    throw Error("a sheet is made of uint8 [n, channels, height, width], not of " + shape_text(pictures));
  at::Tensor tiles = pictures.to(at::kCPU);
  if (tiles.size(1) != 1 && tiles.size(1) != 3)
    tiles = tiles.permute({0, 2, 1, 3}).reshape({tiles.size(0), 1, tiles.size(2), -1});
  tiles = enlarge(tiles);
  const int64_t n = tiles.size(0), height = tiles.size(2), width = tiles.size(3);
  if (columns <= 0) columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n))));
  columns = std::min(columns, n);
  const int64_t rows = (n + columns - 1) / columns;
  at::Tensor page = at::full({rows * (height + kGap) + kGap, columns * (width + kGap) + kGap, tiles.size(1)},
                             255, at::kByte);
  for (int64_t i = 0; i < n; ++i)
    page.slice(0, kGap + i / columns * (height + kGap), (i / columns + 1) * (height + kGap))
        .slice(1, kGap + i % columns * (width + kGap), (i % columns + 1) * (width + kGap))
        .copy_(tiles[i].permute({1, 2, 0}));
  return page;
}

at::Tensor first_rows(const std::vector<at::Tensor>& sheets, int64_t side, int64_t columns) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& page : sheets) {
    const int64_t height = page.size(0) - kGap, width = page.size(1) - kGap;
    if (height % side != 0 || width % side != 0 || page.sizes() != sheets.front().sizes())
      throw Error("a picture of " + std::to_string(page.size(1)) + " x " + std::to_string(page.size(0)) +
                  " is no sheet of " + std::to_string(side) + " x " + std::to_string(side) +
                  " like the first of them");
    rows.push_back(page.slice(0, 0, height / side).slice(1, 0, width / side * columns + kGap));
  }
  rows.push_back(at::full({kGap, rows.front().size(1), rows.front().size(2)}, 255, at::kByte));
  return at::cat(rows);
}

at::Tensor scatter(const at::Tensor& points, const at::Tensor& real) {
  const at::Tensor drawn = flat_points(points);
  const at::Tensor behind = real.defined() ? flat_points(real) : at::empty({0, 2});
  Plane plane(behind.size(0) ? behind : drawn);
  plane.dots(behind, kReal);
  plane.dots(drawn, kSamples);
  return plane.page();
}

at::Tensor arrows(const at::Tensor& points, const at::Tensor& directions, const at::Tensor& real) {
  if (points.dim() != 2 || points.size(1) != 2 || points.sizes() != directions.sizes())
    throw Error("arrows are drawn on points [n, 2], each with a direction; these are " + shape_text(points) +
                " and " + shape_text(directions));
  const at::Tensor behind = real.defined() ? flat_points(real) : at::empty({0, 2});
  const at::Tensor both =
      at::cat({points.detach().to(at::kCPU, at::kFloat), directions.detach().to(at::kCPU, at::kFloat)}, 1);
  const at::Tensor whole = both.index({at::isfinite(both).all(1)}).contiguous();
  const at::Tensor drawn = whole.slice(1, 0, 2).contiguous(), along = whole.slice(1, 2, 4);
  const double longest = along.size(0) ? along.norm(2, {1}).max().item<double>() : 0;
  Plane plane(at::cat({behind, drawn}));
  plane.dots(behind, kReal);
  if (longest > 0)
    plane.arrows(drawn, (along * (kScatterSide / 8.0 / longest)).contiguous(), {0, 90, 181, 0.8f});
  plane.dots(drawn, kSamples);
  return plane.page();
}

at::Tensor picture_of(const at::Tensor& samples, int64_t columns, const at::Tensor& real) {
  if (samples.dim() == 4) return sheet(to_uint8(samples), columns);
  if (samples.dim() == 2) return scatter(samples, real);
  throw Error("samples of shape " + shape_text(samples) + " can be drawn neither as pictures nor as points");
}

}  // namespace saddle::worker
