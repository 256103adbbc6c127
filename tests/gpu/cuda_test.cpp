#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "nonfinite.hpp"
#include "saddle_cuda.h"

// The library as the worker uses it: opened with dlopen, functions found by name.
namespace {

struct Library {
  void* handle = dlopen(SADDLE_CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  template <class Function>
  Function* find(const char* name) const {
    void* symbol = handle ? dlsym(handle, name) : nullptr;
    if (!symbol) throw std::runtime_error(std::string(name) + ": " + dlerror());
    return reinterpret_cast<Function*>(symbol);
  }
  decltype(saddle_cuda_last_error)* last_error =
      find<decltype(saddle_cuda_last_error)>("saddle_cuda_last_error");
  decltype(saddle_cuda_device_count)* device_count =
      find<decltype(saddle_cuda_device_count)>("saddle_cuda_device_count");
  decltype(saddle_cuda_describe_device)* describe_device =
      find<decltype(saddle_cuda_describe_device)>("saddle_cuda_describe_device");
  decltype(saddle_cuda_versions)* versions = find<decltype(saddle_cuda_versions)>("saddle_cuda_versions");
  decltype(saddle_cuda_flag_nonfinite)* flag_nonfinite =
      find<decltype(saddle_cuda_flag_nonfinite)>("saddle_cuda_flag_nonfinite");
};

const Library& library() {
  static const Library opened;
  return opened;
}

// Device memory that holds `bytes` from byte `offset` of a 16-byte-aligned block on.
class DeviceBytes {
 public:
  DeviceBytes(const void* host, std::size_t bytes, std::size_t offset = 0) : offset_(offset) {
    REQUIRE(cudaMalloc(&block_, bytes + offset + 16) == cudaSuccess);
    REQUIRE(cudaMemcpy(data(), host, bytes, cudaMemcpyHostToDevice) == cudaSuccess);
  }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  DeviceBytes(DeviceBytes&& other) noexcept : block_(other.block_), offset_(other.offset_) {
    other.block_ = nullptr;
  }
  ~DeviceBytes() { cudaFree(block_); }
  char* data() const { return static_cast<char*>(block_) + offset_; }

 private:
  void* block_ = nullptr;
  std::size_t offset_;
};

// What the flag is after looking at the spans.
std::uint32_t flag_after(const std::vector<saddle_cuda_span>& spans) {
  const std::uint32_t zero = 0;
  DeviceBytes flag(&zero, sizeof(zero));
  const int status = library().flag_nonfinite(spans.data(), spans.size(),
                                              reinterpret_cast<std::uint32_t*>(flag.data()), nullptr);
  INFO(library().last_error());
  REQUIRE(status == 0);
  std::uint32_t result = 7;
  REQUIRE(cudaMemcpy(&result, flag.data(), sizeof(result), cudaMemcpyDeviceToHost) == cudaSuccess);
  return result;
}

struct TypeCase {
  saddle_cuda_type type;
  std::size_t bytes;
  std::uint64_t largest_finite, infinity, nan;
};
const TypeCase kTypes[] = {
    {SADDLE_CUDA_FLOAT16, 2, 0x7bff, 0x7c00, 0x7e00},
    {SADDLE_CUDA_BFLOAT16, 2, 0x7f7f, 0xff80, 0x7fc0},
    {SADDLE_CUDA_FLOAT32, 4, 0x7f7fffff, 0xff800000, 0x7f800001},
    {SADDLE_CUDA_FLOAT64, 8, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000},
};

std::vector<char> filled(const TypeCase& type, std::size_t count, std::uint64_t bits) {
  std::vector<char> host(count * type.bytes);
  for (std::size_t i = 0; i < count; ++i) std::memcpy(host.data() + i * type.bytes, &bits, type.bytes);
  return host;
}

template <class Type, class Value>
bool nonfinite_bits(Value value) {
  typename Type::Bits bits;
  static_assert(sizeof(bits) == sizeof(value));
  std::memcpy(&bits, &value, sizeof(bits));
  return saddle::cuda::is_nonfinite<Type>(bits);
}

}  // namespace

TEST_CASE("a number is non-finite exactly when the C library says so", "[anywhere]") {
  using namespace saddle::cuda;
  // Every sign and exponent with the least, the greatest and no mantissa bit.
  for (std::uint32_t high = 0; high < 512; ++high) {
    for (std::uint32_t low : {0u, 1u, 0x400000u, 0x7fffffu}) {
      const std::uint32_t bits = high << 23 | low;
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      REQUIRE(nonfinite_bits<Float32>(value) == !std::isfinite(value));
      const auto upper_half = static_cast<std::uint16_t>(bits >> 16);  // bfloat16 is a float's upper half
      const std::uint32_t rounded_bits = std::uint32_t{upper_half} << 16;
      float rounded;
      std::memcpy(&rounded, &rounded_bits, sizeof(rounded));
      REQUIRE(nonfinite_bits<BFloat16>(upper_half) == !std::isfinite(rounded));
    }
  }
  using Double = std::numeric_limits<double>;
  for (double value : {0.0, -0.0, Double::denorm_min(), Double::max(), -Double::max(), Double::infinity(),
                       -Double::infinity(), Double::quiet_NaN()}) {
    REQUIRE(nonfinite_bits<Float64>(value) == !std::isfinite(value));
  }
  REQUIRE_FALSE(is_nonfinite<Float16>(0x7bff));  // 65504, the greatest
  REQUIRE(is_nonfinite<Float16>(0xfc00));
  REQUIRE(is_nonfinite<Float16>(0x7c01));
}

TEST_CASE("the library opens on any machine and says why there is no GPU", "[anywhere]") {
  std::int32_t count = -1;
  const int status = library().device_count(&count);
  if (status == 0) {
    REQUIRE(count > 0);
  } else {
    REQUIRE(count == 0);
    REQUIRE_THAT(library().last_error(), Catch::StartsWith("counting GPUs: cudaError"));
  }
}

TEST_CASE("wrong arguments are refused before anything is launched", "[anywhere]") {
  std::uint32_t flag = 0;
  float values[2] = {};
  const auto refused = [&](saddle_cuda_span span, std::uint32_t* where) {
    return library().flag_nonfinite(&span, 1, where, nullptr) != 0;
  };
  REQUIRE(refused({values, 2, SADDLE_CUDA_FLOAT32}, nullptr));
  REQUIRE(refused({values, 2, 4}, &flag));
  REQUIRE(refused({nullptr, 2, SADDLE_CUDA_FLOAT32}, &flag));
  REQUIRE(refused({reinterpret_cast<char*>(values) + 2, 1, SADDLE_CUDA_FLOAT32}, &flag));
  REQUIRE_THAT(library().last_error(), Catch::Contains("not aligned"));
  REQUIRE(library().flag_nonfinite(nullptr, 0, &flag, nullptr) == 0);
}

TEST_CASE("a device describes itself", "[gpu]") {
  std::int32_t driver = 0, runtime = 0;
  REQUIRE(library().versions(&driver, &runtime) == 0);
  REQUIRE(driver >= 13000);
  REQUIRE(runtime >= 13000);
  saddle_cuda_device device{};
  device.struct_size = sizeof(device);
  REQUIRE(library().describe_device(0, &device) == 0);
  REQUIRE(std::string(device.name).size() > 3);
  REQUIRE(device.memory_bytes > 1'000'000'000u);
  REQUIRE(device.compute_major >= 8);
  REQUIRE(library().describe_device(1000, &device) != 0);
}

TEST_CASE("one bad number is found wherever it is", "[gpu]") {
  for (const TypeCase& type : kTypes) {
    // Less than a pack, a pack with a tail, and more than one chunk of 64 KiB.
    for (std::size_t count : {std::size_t{1}, std::size_t{37}, 2 * 65536 / type.bytes + 5}) {
      for (std::size_t offset :
           {std::size_t{0}, type.bytes}) {  // aligned to 16 bytes, and only to an element
        std::vector<char> host = filled(type, count, type.largest_finite);
        CAPTURE(type.type, count, offset);
        {
          DeviceBytes device(host.data(), host.size(), offset);
          REQUIRE(flag_after({{device.data(), count, type.type}}) == 0);
        }
        for (std::size_t place : {std::size_t{0}, count / 2, count - 1}) {
          for (std::uint64_t bad : {type.infinity, type.nan}) {
            std::vector<char> changed = host;
            std::memcpy(changed.data() + place * type.bytes, &bad, type.bytes);
            DeviceBytes device(changed.data(), changed.size(), offset);
            CAPTURE(place, bad);
            REQUIRE(flag_after({{device.data(), count, type.type}}) == 1);
          }
        }
      }
    }
  }
}

TEST_CASE("of many tensors of every type, one bad one is enough", "[gpu]") {
  std::vector<DeviceBytes> memory;
  std::vector<saddle_cuda_span> spans;
  for (std::size_t i = 0; i < 500; ++i) {
    const TypeCase& type = kTypes[i % 4];
    const std::size_t count = i % 7 == 0 ? 0 : 1 + i * 31;
    const std::vector<char> host = filled(type, count, type.largest_finite);
    memory.emplace_back(host.data(), host.size());
    spans.push_back({memory.back().data(), count, static_cast<std::uint32_t>(type.type)});
  }
  REQUIRE(flag_after({}) == 0);
  REQUIRE(flag_after(spans) == 0);
  for (std::size_t bad : {std::size_t{1}, std::size_t{127}, std::size_t{128}, std::size_t{499}}) {
    const TypeCase& type = kTypes[bad % 4];
    char* last = memory[bad].data() + (spans[bad].count - 1) * type.bytes;
    REQUIRE(cudaMemcpy(last, &type.nan, type.bytes, cudaMemcpyHostToDevice) == cudaSuccess);
    CAPTURE(bad);
    REQUIRE(flag_after(spans) == 1);
    REQUIRE(cudaMemcpy(last, &type.largest_finite, type.bytes, cudaMemcpyHostToDevice) == cudaSuccess);
  }
}

// --needs-gpu: exit with 77, CTest's "skipped" here, where there is none.
int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--needs-gpu") {
    std::int32_t count = 0;
    if (library().device_count(&count) != 0) {
      std::printf("skipped: %s\n", library().last_error());
      return 77;
    }
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  return Catch::Session().run(argc, argv);
}
