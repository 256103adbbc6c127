#pragma once
#include <saddle/abi.h>

#include <algorithm>
#include <cstring>
#include <deque>

// Structs that a plugin filled, which may be older, and shorter, than ours.
namespace saddle::worker {

// What the first layout of version 1 had, and so the least that every plugin has.
template <class T>
inline constexpr uint32_t kFirstSize = 0;
template <>
inline constexpr uint32_t kFirstSize<saddle_plugin> = 48;
template <>
inline constexpr uint32_t kFirstSize<saddle_component> = 32;
template <>
inline constexpr uint32_t kFirstSize<saddle_model> = 32;
template <>
inline constexpr uint32_t kFirstSize<saddle_loss> = 32;
template <>
inline constexpr uint32_t kFirstSize<saddle_dataset> = 40;
template <>
inline constexpr uint32_t kFirstSize<saddle_metric> = 40;
template <>
inline constexpr uint32_t kFirstSize<saddle_parameter> = 56;
template <>
inline constexpr uint32_t kFirstSize<saddle_buffer> = 32;
template <>
inline constexpr uint32_t kFirstSize<saddle_function> = 32;

template <class T>
bool is_long_enough(const T& given) {
  static_assert(kFirstSize<T> > 0, "say above what its first layout had");
  return given.struct_size >= kFirstSize<T>;
}

// A copy in which the fields that the plugin does not know are null or zero.
template <class T>
T complete(const T& given) {
  T whole{};
  std::memcpy(&whole, &given, std::min<size_t>(given.struct_size, sizeof whole));
  return whole;
}

// The same for a table that is used as long as the process lives: itself, or a copy where it is too short.
template <class T>
const T* complete_table(const T* given) {
  if (given->struct_size >= sizeof(T)) return given;
  static std::deque<T> longer;
  return &longer.emplace_back(complete(*given));
}

}  // namespace saddle::worker
