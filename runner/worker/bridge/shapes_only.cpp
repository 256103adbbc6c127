#include <bridge/shapes_only.hpp>

#include <ATen/ATen.h>
#include <ATen/Operators.h>
#include <ATen/autocast_mode.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

namespace saddle::worker {
namespace {

std::atomic<int> alive{0};

// A part of the input that is enough for one pixel, and the size of the whole output.
struct Part {
  std::array<int64_t, 2> input{}, output{};
};

at::Tensor pixel_repeated(const at::Tensor& some, const Part& part, const at::Tensor& input) {
  return some.narrow(2, 0, 1)
      .narrow(3, 0, 1)
      .expand({some.size(0), some.size(1), part.output[0], part.output[1]})
      .contiguous(input.suggest_memory_format());
}

at::Tensor cut(const at::Tensor& input, const Part& part) {
  return input.narrow(2, 0, part.input[0]).narrow(3, 0, part.input[1]);
}

bool shapes_only() { return alive.load(std::memory_order_relaxed) > 0; }

bool batch_of_maps(const at::Tensor& input, const at::Tensor& weight) {
  return shapes_only() && input.dim() == 4 && weight.dim() == 4;
}

// Small ones are done: what is factorised after them should be what it is.
constexpr int64_t kSmall = int64_t{1} << 27;  // multiplications

// Rows are the dimension before the last.
template <class Product>
at::Tensor first_row_repeated(const at::Tensor& self, const at::Tensor& other, const Product& product) {
  const int64_t rows = self.size(-2);
  if (rows < 2 || self.numel() * other.size(-1) < kSmall) return product(self);
  const at::Tensor one = product(self.narrow(-2, 0, 1));
  std::vector<int64_t> shape = one.sizes().vec();
  shape[shape.size() - 2] = rows;
  return one.expand(shape).contiguous();
}

// LibTorch gives float32 products to MKL, which leaves half of what an AMD processor can do unused; oneDNN,
// which has its convolutions, does not. Without gradients, and large enough to be worth two copies.
bool suits_onednn(const at::Tensor& a, const at::Tensor& b) {
  const auto plain = [](const at::Tensor& x) {
    return x.dim() == 2 && x.is_cpu() && x.layout() == at::kStrided && x.scalar_type() == at::kFloat;
  };
  const bool recorded = at::GradMode::is_enabled() && (a.requires_grad() || b.requires_grad());
  return plain(a) && plain(b) && !recorded && a.size(1) == b.size(0) &&
         a.numel() * b.size(1) >= int64_t{1} << 24 && at::globalContext().userEnabledMkldnn() &&
         at::hasMKLDNN() && !at::autocast::is_autocast_enabled(at::kCPU);
}
at::Tensor onednn_mm(const at::Tensor& a, const at::Tensor& b) {
  return at::mkldnn_linear(a.contiguous().to_mkldnn(), b.t().contiguous().to_mkldnn(), {}).to_dense();
}

}  // namespace

ShapesOnly::ShapesOnly() { alive.fetch_add(1); }
ShapesOnly::~ShapesOnly() { alive.fetch_sub(1); }

at::Tensor conv2d(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  const auto call = [&](const at::Tensor& x) {
    return at::_ops::conv2d::call(x, weight, bias, c10::fromIntArrayRefSlow(stride),
                                  c10::fromIntArrayRefSlow(padding), c10::fromIntArrayRefSlow(dilation),
                                  groups);
  };
  if (!batch_of_maps(input, weight)) return call(input);
  Part part;
  for (size_t d = 0; d < 2; ++d) {
    const auto axis = static_cast<int64_t>(d) + 2;
    const int64_t extent = dilation[d] * (weight.size(axis) - 1) + 1;
    if (stride[d] < 1 || input.size(axis) + 2 * padding[d] < extent) return call(input);  // it refuses
    part.output[d] = (input.size(axis) + 2 * padding[d] - extent) / stride[d] + 1;
    part.input[d] = std::clamp<int64_t>(extent - 2 * padding[d], 1, input.size(axis));
  }
  return pixel_repeated(call(cut(input, part)), part, input);
}

at::Tensor conv_transpose2d(const at::Tensor& input, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                            at::IntArrayRef padding, at::IntArrayRef output_padding, int64_t groups,
                            at::IntArrayRef dilation) {
  const auto call = [&](const at::Tensor& x) {
    return at::_ops::conv_transpose2d_input::call(
        x, weight, bias, c10::fromIntArrayRefSlow(stride), c10::fromIntArrayRefSlow(padding),
        c10::fromIntArrayRefSlow(output_padding), groups, c10::fromIntArrayRefSlow(dilation));
  };
  if (!batch_of_maps(input, weight)) return call(input);
  Part part;
  for (size_t d = 0; d < 2; ++d) {
    const auto axis = static_cast<int64_t>(d) + 2;
    const int64_t of_one = dilation[d] * (weight.size(axis) - 1) + output_padding[d] + 1 - 2 * padding[d];
    if (of_one < 1 || input.size(axis) < 1) return call(input);
    part.output[d] = (input.size(axis) - 1) * stride[d] + of_one;
    part.input[d] = 1;
  }
  return pixel_repeated(call(cut(input, part)), part, input);
}

at::Tensor mm(const at::Tensor& self, const at::Tensor& other) {
  const auto call = [&](const at::Tensor& a) { return at::_ops::mm::call(a, other); };
  if (shapes_only() && self.dim() == 2 && other.dim() == 2) return first_row_repeated(self, other, call);
  return suits_onednn(self, other) ? onednn_mm(self, other) : call(self);
}
at::Tensor bmm(const at::Tensor& self, const at::Tensor& other) {
  const auto call = [&](const at::Tensor& a) { return at::_ops::bmm::call(a, other); };
  return shapes_only() && self.dim() == 3 && other.dim() == 3 ? first_row_repeated(self, other, call)
                                                              : call(self);
}
at::Tensor matmul(const at::Tensor& self, const at::Tensor& other) {
  const auto call = [&](const at::Tensor& a) { return at::_ops::matmul::call(a, other); };
  return shapes_only() && self.dim() >= 2 && other.dim() >= 2 ? first_row_repeated(self, other, call)
                                                              : call(self);
}

}  // namespace saddle::worker
