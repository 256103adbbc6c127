#include "train/init.hpp"

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "common/error.hpp"

namespace saddle::train {
namespace {

struct Name {
  InitKind kind;
  const char* name;
  int arguments;
};
constexpr Name kNames[] = {
    {InitKind::zeros, "zeros", 0},
    {InitKind::ones, "ones", 0},
    {InitKind::constant, "constant", 1},
    {InitKind::normal, "normal", 2},
    {InitKind::uniform, "uniform", 2},
    {InitKind::xavier_uniform, "xavier_uniform", 1},
    {InitKind::xavier_normal, "xavier_normal", 1},
    {InitKind::he_uniform, "he_uniform", 1},
    {InitKind::he_normal, "he_normal", 1},
    {InitKind::own, "own", 0},
    {InitKind::orthogonal, "orthogonal", 1},
};

std::string shape_text(at::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

// Q of a Gaussian matrix, with the signs that make it uniform over orthogonal
// matrices (the signs of R's diagonal; Mezzadri 2007).
at::Tensor orthogonal(at::IntArrayRef shape, Layout layout, double gain, at::ScalarType dtype,
                      at::Generator generator) {
  if (shape.size() < 2)
    throw Error("an orthogonal initialiser needs a weight with two or more dimensions, this one has shape " +
                shape_text(shape));
  std::vector<int64_t> turned(shape.begin(), shape.end());
  if (layout == Layout::conv_transpose) std::swap(turned[0], turned[1]);
  const int64_t rows = turned[0];
  const int64_t columns = c10::multiply_integers(turned.begin() + 1, turned.end());
  const bool wide = rows < columns;
  at::Tensor gaussian = at::empty({wide ? columns : rows, wide ? rows : columns}, at::kDouble);
  gaussian.normal_(0, 1, std::move(generator));
  auto [q, r] = at::linalg_qr(gaussian);
  q = q * r.diagonal().sign().unsqueeze(0) * gain;
  if (wide) q = q.t();
  at::Tensor weight = q.reshape(turned);
  if (layout == Layout::conv_transpose) weight = weight.transpose(0, 1);
  return weight.to(dtype).contiguous();
}

}  // namespace

std::string to_string(const Init& init) {
  for (const Name& name : kNames) {
    if (name.kind != init.kind) continue;
    std::ostringstream text;
    text << name.name;
    if (name.arguments == 1) text << "(" << init.a << ")";
    if (name.arguments == 2) text << "(" << init.a << ", " << init.b << ")";
    return text.str();
  }
  return "unknown";
}

std::string_view to_string(Layout layout) {
  switch (layout) {
    case Layout::linear:
      return "linear";
    case Layout::conv:
      return "conv";
    case Layout::conv_transpose:
      return "conv_transpose";
    case Layout::embedding:
      return "embedding";
    case Layout::other:
      break;
  }
  return "other";
}

std::optional<Init> init_from_name(std::string_view name) {
  if (name == "default" || name == "data") return std::nullopt;
  if (name == "zeros") return Init::zeros();
  if (name == "normal") return Init::normal(0, 0.02);
  if (name == "xavier_uniform") return Init::xavier_uniform();
  if (name == "xavier_normal") return Init::xavier_normal();
  if (name == "he_uniform") return Init::he_uniform();
  if (name == "he_normal") return Init::he_normal();
  if (name == "orthogonal") return Init::orthogonal();
  throw Error(
      "no initialiser \"" + std::string(name) +
      "\". Known: default, data, zeros, normal, xavier_uniform, xavier_normal, he_uniform, he_normal, "
      "orthogonal");
}

std::pair<int64_t, int64_t> fans(at::IntArrayRef shape, Layout layout) {
  if (shape.size() < 2)
    throw Error("fan-in and fan-out need a weight with two or more dimensions, this one has shape " +
                shape_text(shape));
  const int64_t kernel = c10::multiply_integers(shape.begin() + 2, shape.end());
  const int64_t first = shape[0] * kernel, second = shape[1] * kernel;
  if (layout == Layout::conv_transpose) return {first, second};
  return {second, first};
}

at::Tensor initialise(at::IntArrayRef shape, Layout layout, const Init& init, at::ScalarType dtype,
                      at::Generator generator) {
  if (init.kind == InitKind::orthogonal)
    return orthogonal(shape, layout, init.a, dtype, std::move(generator));
  at::Tensor weight = at::empty(shape, dtype);
  const auto symmetric_uniform = [&](double std) {
    const double bound = std::sqrt(3.0) * std;  // a uniform in [-c, c) has variance c^2 / 3
    return weight.uniform_(-bound, bound, generator);
  };
  const auto xavier_std = [&] {
    const auto [in, out] = fans(shape, layout);
    return init.a * std::sqrt(2.0 / static_cast<double>(in + out));
  };
  const auto he_std = [&] { return init.a / std::sqrt(static_cast<double>(fans(shape, layout).first)); };
  switch (init.kind) {
    case InitKind::own:
      throw std::logic_error("a tensor of its own is not drawn");
    case InitKind::zeros:
      return weight.zero_();
    case InitKind::ones:
      return weight.fill_(1);
    case InitKind::constant:
      return weight.fill_(init.a);
    case InitKind::normal:
      return weight.normal_(init.a, init.b, generator);
    case InitKind::uniform:
      return weight.uniform_(init.a, init.b, generator);
    case InitKind::xavier_uniform:
      return symmetric_uniform(xavier_std());
    case InitKind::xavier_normal:
      return weight.normal_(0, xavier_std(), generator);
    case InitKind::he_uniform:
      return symmetric_uniform(he_std());
    case InitKind::he_normal:
      return weight.normal_(0, he_std(), generator);
    case InitKind::orthogonal:
      break;
  }
  throw Error("unknown initialiser");
}

}  // namespace saddle::train
