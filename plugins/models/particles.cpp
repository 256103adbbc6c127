#include <saddle/nn.hpp>
using namespace saddle;

// Games without networks: the generator's samples are its parameters (KDD GAN, Lemkhenter et al. 2021,
// appendix A, figure 3).
struct Particles {
  static Description describe() {
    return {
        .name = "particles",
        .doc =
            "Samples without a network, to see where a loss sends them: the generator's parameters are the "
            "samples themselves, drawn from a cube; the discriminator's features are its input as it is, its "
            "logit a linear function of that. Without an optimizer the linear function stays as given.",
        .params = {
            param("count", 1000)
                .at_least(1)
                .at_most(10000000)
                .doc(
                    "generator: samples. In training the i-th of a batch is the i-th, so that train.batch is "
                    "the count for all of them to move; in evaluation z draws one"),
            param("width", 2.0).at_least(0).doc("generator: of the cube in which samples start"),
            param("centre", std::vector<double>{}).doc("generator: of that cube; empty: the origin"),
            param("noise", 0.0)
                .at_least(0)
                .doc("generator: each sample is moved by this times z, coordinate by coordinate"),
            param("slope", std::vector<double>{})
                .doc("discriminator: weights of the logit at first; empty: 1 for each coordinate"),
            param("offset", 0.0).doc("discriminator: what the logit adds at first")}};
  }
};

namespace {

int64_t coordinates(const Builder& b) {
  int64_t n = 1;
  for (const int64_t s : b.sample_shape()) n *= s;
  return n;
}

// A parameter that lists a number for each coordinate of a sample; empty when it lists none.
std::vector<double> point(const Builder& b, const char* name) {
  auto list = b.get<std::vector<double>>(name);
  if (!list.empty() && static_cast<int64_t>(list.size()) != coordinates(b))
    throw Error("'" + std::string(name) + "' has " + std::to_string(list.size()) +
                " numbers; a sample of this data set has " + std::to_string(coordinates(b)));
  return list;
}

// A parameter that starts at those values; at `otherwise` where there are none.
ParamId starting_at(const Builder& b, const char* name, const std::vector<double>& list, double otherwise) {
  const int64_t n = coordinates(b);
  if (list.empty()) return b.parameter(name, {n}, {Layout::other, init::constant(otherwise)});
  return b.parameter(name, to(Tensor::from(std::span<const double>(list), {n}), DType::float32));
}

// The first `length` along a dimension of what is repeated as often as that takes.
Tensor filled(const Tensor& x, int64_t dim, int64_t length) {
  const std::vector<Tensor> copies((length + x.size(dim) - 1) / x.size(dim), x);
  return narrow(cat(copies, dim), dim, 0, length);
}

}  // namespace

class Generator {
 public:
  static Role role() { return {"generator", {"z"}, {"image"}}; }
  explicit Generator(const Builder& b)
      : shape_(b.sample_shape()),
        count_(b.get<int64_t>("count")),
        size_(coordinates(b)),
        noise_(b.get<double>("noise")),
        points_(b.parameter("points", {count_, size_}, {Layout::other, start(b)})),
        centre_(point(b, "centre")) {
    shape_.insert(shape_.begin(), -1);
  }
  Outputs forward(const Call& call) const {
    const Tensor z = call.input("z");
    Tensor x = call.training() ? filled(call[points_], 0, z.size(0)) : drawn(call[points_], z);
    if (!centre_.empty()) x = x + to(Tensor::from(std::span<const double>(centre_), {size_}), x.dtype());
    x = x + noise_ * filled(z, 1, size_);
    return {{"image", reshape(x, shape_)}};
  }

 private:
  // Each z's point: the normal distribution function of its first coordinate counts through them.
  Tensor drawn(const Tensor& points, const Tensor& z) const {
    const Tensor uniform = 0.5 * (1 + erf(reshape(narrow(z, 1, 0, 1), {-1}) * 0.70710678118654752));
    const Tensor places = clamp(floor(uniform * static_cast<double>(count_)), 0, count_ - 1);
    return index_select(points, 0, to(places, DType::int64));
  }
  static Init start(const Builder& b) {
    const auto half = b.get<double>("width") / 2;
    return init::uniform(-half, half);
  }
  std::vector<int64_t> shape_;
  int64_t count_, size_;
  double noise_;
  ParamId points_;
  std::vector<double> centre_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image"}, {"logit", "features"}}; }
  explicit Discriminator(const Builder& b)
      : slope_(starting_at(b, "slope", point(b, "slope"), 1)),
        offset_(b.parameter("offset", {1}, {Layout::other, init::constant(b.get<double>("offset"))})) {}
  Outputs forward(const Call& call) const {
    const Tensor features = flatten(call.input("image"), 1);
    const Tensor& slope = call[slope_];
    return {{"logit", mm(features, reshape(slope, {-1, 1})) + call[offset_]}, {"features", features}};
  }

 private:
  ParamId slope_, offset_;
};

SADDLE_MODEL(Particles, Generator, Discriminator)
