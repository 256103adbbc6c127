#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saddle::train {

// What the dimensions of a weight mean: fan-in and fan-out, and the reshape of
// spectral norm, depend on it.
enum class Layout {
  linear,          // (out, in)
  conv,            // (out, in per group, kernel...)
  conv_transpose,  // (in, out per group, kernel...)
  embedding,       // (entries, width)
  other,           // not known; the first dimension counts as out
};

enum class InitKind {
  zeros,
  ones,
  constant,        // a
  normal,          // mean a, standard deviation b
  uniform,         // in [a, b)
  xavier_uniform,  // gain a: variance gain^2 * 2 / (fan_in + fan_out), Glorot and Bengio 2010
  xavier_normal,
  he_uniform,  // gain a: variance gain^2 / fan_in, He et al. 2015
  he_normal,
  own,         // the values that the owner's tensor has already
  orthogonal,  // gain a: rows or columns of the (out, rest) matrix orthonormal, Saxe et al. 2013
};

struct Init {
  InitKind kind = InitKind::zeros;
  double a = 0, b = 0;

  static Init zeros() { return {InitKind::zeros}; }
  static Init ones() { return {InitKind::ones}; }
  static Init constant(double value) { return {InitKind::constant, value}; }
  static Init normal(double mean, double std) { return {InitKind::normal, mean, std}; }
  static Init uniform(double low, double high) { return {InitKind::uniform, low, high}; }
  static Init xavier_uniform(double gain = 1) { return {InitKind::xavier_uniform, gain}; }
  static Init xavier_normal(double gain = 1) { return {InitKind::xavier_normal, gain}; }
  static Init he_uniform(double gain = 1.4142135623730951) { return {InitKind::he_uniform, gain}; }
  static Init he_normal(double gain = 1.4142135623730951) { return {InitKind::he_normal, gain}; }
  static Init own() { return {InitKind::own}; }
  static Init orthogonal(double gain = 1) { return {InitKind::orthogonal, gain}; }
};

// "xavier_uniform(1.41421)", "normal(0, 0.02)": for listings.
std::string to_string(const Init& init);
std::string_view to_string(Layout layout);

// What a config's `init` means: nullopt for "default" (the model's own choice),
// else the named initialiser with its usual gain; "normal" is N(0, 0.02), the
// DCGAN paper's. Throws Error for an unknown name.
std::optional<Init> init_from_name(std::string_view name);

// (fan_in, fan_out). For a transposed convolution fan-in counts the true input
// channels times the kernel; torch.nn.init, which has no layouts, takes the
// output channels there. Embeddings and `other` follow torch.nn.init: (n, d) has
// fan-in d. Throws Error for fewer than two dimensions.
std::pair<int64_t, int64_t> fans(at::IntArrayRef shape, Layout layout);

// A new contiguous CPU tensor. Draws only from `generator`.
at::Tensor initialise(at::IntArrayRef shape, Layout layout, const Init& init, at::ScalarType dtype,
                      at::Generator generator);

}  // namespace saddle::train
