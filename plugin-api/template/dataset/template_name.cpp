#include <saddle/dataset.hpp>

#include <cmath>
#include <numbers>
using namespace saddle;

namespace {

// A number from 0 to 1 that depends on its arguments alone, so that every run sees the same data (the mixing
// of splitmix64: Steele, Lea and Flood 2014).
double noise(uint64_t sample, uint64_t which) {
  uint64_t x = 0x9e3779b97f4a7c15u * (2 * sample + which + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

}  // namespace

// Points on two spirals in the plane; the class says on which. Samples are made when asked for.
class TemplateType {
 public:
  static Description describe() {
    return {.name = "template_name",
            .version = "1",  // raise it when results change: it is part of a trial's identity
            .doc = "Points on two interleaved spirals, one a class.",
            .params = {param("size", 4096).at_least(4).doc("points for training; a quarter as many for test"),
                       param("deviation", 0.02).at_least(0).doc("how far a point may be from its spiral")}};
  }
  explicit TemplateType(const Builder& b)
      : size_(b.get<int64_t>("size")), deviation_(b.get<double>("deviation")) {}

  DatasetInfo info() const {
    return {.shape = {2},
            .dtype = DType::float32,  // uint8 for pictures: {channels, height, width}
            .classes = 2,
            .splits = {{"train", size_}, {"test", size_ / 4}},
            .version = "1",
            .concurrent = true};  // fill touches nothing that another thread may touch
  }

  // Writes the samples one after the other, and their classes unless labels is null. Indices are in range.
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    auto* to = static_cast<float*>(samples);
    for (const int64_t i : indices) {
      const auto sample = static_cast<uint64_t>(split == 0 ? i : size_ + i);
      const double along = std::sqrt(noise(sample, 0));
      const double angle = 3 * std::numbers::pi * along + (i % 2 ? std::numbers::pi : 0);
      *to++ = static_cast<float>(along * std::cos(angle) + deviation_ * (2 * noise(sample, 1) - 1));
      *to++ = static_cast<float>(along * std::sin(angle) + deviation_ * (2 * noise(sample, 2) - 1));
      if (labels) *labels++ = i % 2;
    }
  }

 private:
  int64_t size_;
  double deviation_;
};
SADDLE_DATASET(TemplateType)
