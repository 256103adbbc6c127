#include <game/resize.hpp>

#include <ATen/ATen.h>

#include <string>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

// Along one dimension. In float32, as TensorFlow computes it: the places must round alike.
at::Tensor legacy(const at::Tensor& x, int64_t dim, int64_t side) {
  const int64_t size = x.size(dim);
  if (size == side) return x;
  const float scale = static_cast<float>(size) / static_cast<float>(side);
  const at::Tensor place = at::arange(side, x.options()) * scale;
  const at::Tensor low = place.to(at::kLong), high = (low + 1).clamp_max(size - 1);
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[static_cast<size_t>(dim)] = side;
  const at::Tensor share = (place - low).reshape(shape), first = x.index_select(dim, low);
  return first + (x.index_select(dim, high) - first) * share;
}

}  // namespace

Resize resize_from_name(std::string_view name) {
  if (name == "none") return Resize::none;
  if (name == "legacy") return Resize::legacy;
  if (name == "clean") return Resize::clean;
  if (name == "bilinear") return Resize::bilinear;
  throw Error("no resize is called \"" + std::string(name) + "\"; known: none, legacy, clean, bilinear");
}

at::Tensor resized(const at::Tensor& pictures, Resize mode, int64_t side) {
  switch (mode) {
    case Resize::none:
      return pictures;
    case Resize::legacy:
      return legacy(legacy(pictures, 3, side), 2, side);
    case Resize::clean:
      return at::_upsample_bicubic2d_aa(pictures, {side, side}, false).clamp(-1, 1);
    case Resize::bilinear:
      return at::upsample_bilinear2d(pictures, {side, side}, false);
  }
  return pictures;
}

}  // namespace saddle::worker
