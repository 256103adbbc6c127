// What must be the same on both sides before C++ objects of LibTorch may cross: text that torch.hpp leaves
// in a section of the library, and that the worker compares with its own before it opens the library.
#pragma once
#include <saddle/abi.h>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/version.h>

#include <array>
#include <cstdint>
#include <string_view>

#define SADDLE_NATIVE_SECTION "saddle_native"

#pragma GCC visibility push(hidden)
namespace saddle::detail {

// The meaning of what crosses: a handle is a c10::TensorImpl* that counts its references. Raised when that
// changes.
inline constexpr uint64_t kNativeRevision = 1;

// "key=value" one after the other, each ended by a NUL.
struct FingerprintText {
  std::array<char, 1024> data{};
  size_t size = 0;

  constexpr void put(std::string_view text) {
    for (const char c : text) data[size++] = c;
  }
  constexpr void put(uint64_t number, uint64_t base = 10) {
    if (number >= base) put(number / base, base);
    data[size++] = "0123456789abcdef"[number % base];
  }
  template <class T>
  constexpr void entry(std::string_view key, T value) {
    put(key);
    put("=");
    put(value);
    data[size++] = '\0';
  }
};

// FNV-1a over what the headers of the SDK make of the ABI.
constexpr uint64_t headers_hash() {
  constexpr uint64_t facts[] = {
      kNativeRevision,        SADDLE_ABI_VERSION,     sizeof(saddle_value),     sizeof(saddle_host),
      sizeof(saddle_builder), sizeof(saddle_call),    sizeof(saddle_step),      sizeof(saddle_parameter),
      sizeof(saddle_buffer),  sizeof(saddle_model),   sizeof(saddle_loss),      sizeof(saddle_dataset),
      sizeof(saddle_metric),  sizeof(saddle_samples), sizeof(saddle_component), sizeof(saddle_plugin)};
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint64_t fact : facts) hash = (hash ^ fact) * 0x100000001b3;
  return hash;
}

constexpr std::string_view sanitizer() {
#if defined(__SANITIZE_ADDRESS__)
  return "address";
#elif defined(__SANITIZE_THREAD__)
  return "thread";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return "address";
#elif __has_feature(thread_sanitizer)
  return "thread";
#elif __has_feature(memory_sanitizer)
  return "memory";
#else
  return "none";
#endif
#else
  return "none";
#endif
}

// In the order in which a difference is reported: the first one explains those after it.
constexpr FingerprintText fingerprint() {
  FingerprintText t;
  t.entry("libtorch", std::string_view(TORCH_VERSION));
#ifdef TORCH_ABI_VERSION
  t.put("libtorch_abi=0x");
  t.put(TORCH_ABI_VERSION, 16);
  t.put(std::string_view("\0", 1));
#else
  t.entry("libtorch_abi", "none");
#endif
#if __has_include(<c10/cuda/impl/cuda_cmake_macros.h>)
  t.entry("cuda", "on");
#else
  t.entry("cuda", "off");
#endif
#ifdef _LIBCPP_VERSION
  t.entry("stdlib", "libc++");
#else
  t.entry("stdlib", "libstdc++");
#endif
#ifdef _GLIBCXX_USE_CXX11_ABI
  t.entry("cxx11_abi", uint64_t{_GLIBCXX_USE_CXX11_ABI});
#else
  t.entry("cxx11_abi", "none");
#endif
#ifdef NDEBUG
  t.entry("ndebug", "on");
#else
  t.entry("ndebug", "off");
#endif
#ifdef _GLIBCXX_DEBUG
  t.entry("glibcxx_debug", "on");
#else
  t.entry("glibcxx_debug", "off");
#endif
  t.entry("sanitizer", sanitizer());
  t.entry("sizeof_tensor", uint64_t{sizeof(at::Tensor)});
  t.entry("sizeof_tensor_impl", uint64_t{sizeof(c10::TensorImpl)});
  t.entry("sizeof_module", uint64_t{sizeof(torch::nn::Module)});
  t.put("headers=");
  t.put(headers_hash(), 16);
  t.put(std::string_view("\0", 1));
#if defined(__clang__)
  t.put("compiler=clang ");
  t.put(uint64_t{__clang_major__});
  t.put(".");
  t.put(uint64_t{__clang_minor__});
  t.put(std::string_view("\0", 1));
#else
  t.entry("compiler", "gcc " __VERSION__);
#endif
  t.entry("compiler_abi", uint64_t{__GXX_ABI_VERSION});
  return t;
}

}  // namespace saddle::detail
#pragma GCC visibility pop
