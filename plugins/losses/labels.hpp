// For losses on labels: where the discriminator's features end and the loss's own heads begin.
#pragma once
#include <saddle/loss.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

// The width of the discriminator's flattened features.
inline int64_t feature_size(const Builder& b) {
  int64_t size = 1;
  for (const int64_t s : b.fact<std::vector<int64_t>>("shape.discriminator.features")) size *= s;
  return size;
}

inline int64_t class_count(const Builder& b, const char* loss) {
  const auto classes = b.fact<int64_t>("classes");
  if (classes < 2) throw Error(std::string(loss) + " needs a data set with classes");
  return classes;
}

inline ParamOptions head(const Builder& b) {
  return {Layout::linear, init::xavier_uniform(), b.get<bool>("spectral_norm") ? Norm::spectral : Norm::none};
}

// Unit vectors of the features through a linear head, and of each sample's class. [N, D]
struct Embedded {
  Tensor samples, classes;
};

// A linear head into a sphere that holds the classes too (ContraGAN, section 3.2).
class Sphere {
 public:
  Sphere(const Builder& b, const char* loss)
      : head_(b.parameter("embedding.weight", {b.get<int64_t>("size"), feature_size(b)}, head(b))),
        classes_(b.parameter("classes.weight", {class_count(b, loss), b.get<int64_t>("size")},
                             {Layout::embedding, init::normal(0, 1),
                              b.get<bool>("spectral_norm") ? Norm::spectral : Norm::none})) {}
  Embedded operator()(const Step& s, const char* sample) const {
    const Tensor features = flatten(s.output("discriminator", sample, "features"), 1);
    return {unit(linear(features, s[head_])),
            unit(embedding(s[classes_], s.input((std::string(sample) + ".label").c_str())))};
  }

 private:
  static Tensor unit(const Tensor& x) { return x * rsqrt(sum(square(x), {1}, true) + 1e-24); }

  ParamId head_, classes_;
};

// [N, N]: 1 where row and column have the same label, the diagonal included.
inline Tensor same_label(const Tensor& label) {
  const int64_t n = label.size(0);
  return to(eq(reshape(label, {n, 1}), reshape(label, {1, n})), DType::float32);
}

}  // namespace saddle
#pragma GCC visibility pop
