#pragma once
#include <cstdint>

// NaN and the infinities are the values whose exponent bits are all ones, so a number is tested as the
// integer that its bits are, and half precision needs no arithmetic of its own. Compiled for both host and
// device.
#ifdef __CUDACC__
#define SADDLE_HOST_DEVICE __host__ __device__
#else
#define SADDLE_HOST_DEVICE
#endif

namespace saddle::cuda {

// The bits of one element, and which of them are the exponent.
struct Float16 {
  using Bits = std::uint16_t;
  static constexpr Bits kExponent = 0x7c00;
};
struct BFloat16 {
  using Bits = std::uint16_t;
  static constexpr Bits kExponent = 0x7f80;
};
struct Float32 {
  using Bits = std::uint32_t;
  static constexpr Bits kExponent = 0x7f800000;
};
struct Float64 {
  using Bits = std::uint64_t;
  static constexpr Bits kExponent = 0x7ff0000000000000;
};

template <class Type>
SADDLE_HOST_DEVICE constexpr bool is_nonfinite(typename Type::Bits bits) {
  return (bits & Type::kExponent) == Type::kExponent;
}

}  // namespace saddle::cuda
