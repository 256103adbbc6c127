#include <bridge/fenced.hpp>

#include <algorithm>
#include <cstring>

#include <bridge/results.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {
constexpr uint8_t kPattern = 0xA5;
constexpr int64_t kWidest = 1 << 16;
}  // namespace

FencedTensor::FencedTensor(const std::vector<int64_t>& shape, at::ScalarType type) {
  const auto element = static_cast<int64_t>(c10::elementSize(type));
  int64_t sample = element, count = 1;
  for (size_t d = 0; d < shape.size(); ++d) (d ? sample : count) *= shape[d];
  size_ = sample * count;
  after_ = std::clamp<int64_t>(sample, 64, kWidest);
  bytes_ = at::empty({kBefore + size_ + after_}, at::kByte);
  auto* start = bytes_.mutable_data_ptr<uint8_t>();
  std::memset(start, kPattern, kBefore);
  std::memset(start + kBefore + size_, kPattern, static_cast<size_t>(after_));
  inside_ = bytes_.narrow(0, kBefore, size_).view(type).view(shape);
}

void FencedTensor::check(const std::string& who, const char* function, const char* what) const {
  const auto* start = bytes_.const_data_ptr<uint8_t>();
  const auto damaged = [](uint8_t b) { return b != kPattern; };
  const std::string buffer = " its buffer of " + std::to_string(size_) + " bytes for " +
                             std::to_string(inside_.size(0)) + " " + what;
  if (std::any_of(start, start + kBefore, damaged))
    throw Error(who + ": " + function + " wrote before the start of" + buffer);
  const auto* end = start + kBefore + size_;
  for (int64_t i = after_ - 1; i >= 0; --i)
    if (damaged(end[i]))
      throw Error(who + ": " + function + " wrote past the end of" + buffer + ", at least " +
                  std::to_string(i + 1) + " bytes too far");
}

}  // namespace saddle::worker
