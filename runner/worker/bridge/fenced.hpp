#pragma once
#include <ATen/ATen.h>

#include <string>
#include <vector>

namespace saddle::worker {

// A tensor in host memory for a plugin to fill, with a fence on each side: what is
// written there instead is noticed and harms nobody. The fence behind it is as wide
// as its last dimensions' worth, so that one sample too many stays within.
class FencedTensor {
 public:
  FencedTensor(const std::vector<int64_t>& shape, at::ScalarType type);

  void* data() { return bytes_.mutable_data_ptr<uint8_t>() + kBefore; }
  // Throws saddle::Error "WHO: FUNCTION wrote ..." when a fence is damaged. `what`: "samples".
  void check(const std::string& who, const char* function, const char* what) const;
  at::Tensor tensor() const { return inside_; }

 private:
  static constexpr int64_t kBefore = 64;  // keeps the alignment of the allocation
  int64_t size_, after_;
  at::Tensor bytes_, inside_;
};

}  // namespace saddle::worker
