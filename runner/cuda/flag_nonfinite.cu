#include <cuda_runtime_api.h>

#include <cstring>

#include "error.hpp"
#include "nonfinite.hpp"
#include "saddle_cuda.h"

// One launch looks at many tensors: a network's parameters are a hundred small ones, and a launch each would
// cost more than reading them. The table of spans travels as the kernel's argument (4 KB are allowed on every
// driver), so nothing has to be copied to the device beforehand.
namespace saddle::cuda {
namespace {

constexpr int kSpansPerLaunch = 128;
constexpr int kThreads = 256;
constexpr std::uint64_t kChunkBytes = 64 * 1024;  // what one block reads before it takes the next chunk
constexpr unsigned kMaxBlocks = 1024;

struct Batch {
  const void* data[kSpansPerLaunch];
  std::uint64_t count[kSpansPerLaunch];
  std::uint64_t first_chunk[kSpansPerLaunch + 1];  // of each span; the last entry is the number of all chunks
  std::uint8_t type[kSpansPerLaunch];
  int n_spans;
};
static_assert(sizeof(Batch) <= 4000, "kernel arguments beside it must fit in 4 KB");

std::uint64_t element_bytes(std::uint32_t type) {
  return type == SADDLE_CUDA_FLOAT64 ? 8 : type == SADDLE_CUDA_FLOAT32 ? 4 : 2;
}

std::uint64_t chunks(std::uint64_t bytes) { return (bytes + kChunkBytes - 1) / kChunkBytes; }

// Whether elements [begin, end) of `data`, spread over the threads of a block, hold a non-finite one for this
// thread. Sixteen bytes at a time where the tensor is aligned to them (all that LibTorch allocates are).
template <class Type>
__device__ bool scan(const void* data, std::uint64_t begin, std::uint64_t end) {
  using Bits = typename Type::Bits;
  constexpr std::uint64_t kPack = sizeof(uint4) / sizeof(Bits);
  const Bits* elements = static_cast<const Bits*>(data);
  bool found = false;
  if (reinterpret_cast<std::uintptr_t>(data) % sizeof(uint4) == 0) {
    const uint4* packs = reinterpret_cast<const uint4*>(data);
    const std::uint64_t last_pack = end / kPack;
    for (std::uint64_t i = begin / kPack + threadIdx.x; i < last_pack; i += kThreads) {
      const uint4 pack = packs[i];
      Bits bits[kPack];
      std::memcpy(bits, &pack, sizeof(pack));
#pragma unroll
      for (std::uint64_t k = 0; k < kPack; ++k) found |= is_nonfinite<Type>(bits[k]);
    }
    begin = last_pack * kPack;
  }
  for (std::uint64_t i = begin + threadIdx.x; i < end; i += kThreads)
    found |= is_nonfinite<Type>(elements[i]);
  return found;
}

// The span that `chunk` belongs to: the last one that does not begin after it.
__device__ int span_of(const Batch& batch, std::uint64_t chunk) {
  int low = 0, high = batch.n_spans - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (batch.first_chunk[middle] <= chunk) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

__global__ void __launch_bounds__(kThreads)
    flag_kernel(const __grid_constant__ Batch batch, std::uint32_t* flag) {
  bool found = false;
  for (std::uint64_t chunk = blockIdx.x; chunk < batch.first_chunk[batch.n_spans]; chunk += gridDim.x) {
    const int span = span_of(batch, chunk);
    const std::uint32_t type = batch.type[span];
    const std::uint64_t per_chunk = kChunkBytes >> (type == SADDLE_CUDA_FLOAT64   ? 3
                                                    : type == SADDLE_CUDA_FLOAT32 ? 2
                                                                                  : 1);
    const std::uint64_t begin = (chunk - batch.first_chunk[span]) * per_chunk;
    const std::uint64_t end = min(begin + per_chunk, batch.count[span]);
    const void* data = batch.data[span];
    switch (type) {
      case SADDLE_CUDA_FLOAT16:
        found |= scan<Float16>(data, begin, end);
        break;
      case SADDLE_CUDA_BFLOAT16:
        found |= scan<BFloat16>(data, begin, end);
        break;
      case SADDLE_CUDA_FLOAT32:
        found |= scan<Float32>(data, begin, end);
        break;
      default:
        found |= scan<Float64>(data, begin, end);
        break;
    }
  }
  if (__syncthreads_or(found) && threadIdx.x == 0) atomicOr(flag, 1u);
}

int launch(const Batch& batch, std::uint32_t* flag, cudaStream_t stream) {
  const std::uint64_t n_chunks = batch.first_chunk[batch.n_spans];
  if (n_chunks == 0) return 0;
  const unsigned blocks = n_chunks < kMaxBlocks ? static_cast<unsigned>(n_chunks) : kMaxBlocks;
  flag_kernel<<<blocks, kThreads, 0, stream>>>(batch, flag);
  return check(cudaGetLastError(), "looking for non-finite numbers");
}

}  // namespace
}  // namespace saddle::cuda

extern "C" int saddle_cuda_flag_nonfinite(const saddle_cuda_span* spans, size_t n_spans,
                                          uint32_t* device_flag, void* stream) {
  using namespace saddle::cuda;
  if (device_flag == nullptr || (n_spans > 0 && spans == nullptr)) {
    return fail(cudaErrorInvalidValue, "saddle_cuda_flag_nonfinite: null flag or spans");
  }
  for (size_t i = 0; i < n_spans; ++i) {
    const saddle_cuda_span& span = spans[i];
    if (span.type > SADDLE_CUDA_FLOAT64) {
      return fail(cudaErrorInvalidValue, "saddle_cuda_flag_nonfinite: a span of unknown type");
    }
    if (span.count > 0 &&
        (span.data == nullptr || reinterpret_cast<std::uintptr_t>(span.data) % element_bytes(span.type))) {
      return fail(cudaErrorInvalidValue,
                  "saddle_cuda_flag_nonfinite: a span that is null or not aligned to its type");
    }
  }
  Batch batch;
  for (size_t done = 0; done < n_spans;) {
    batch.n_spans = 0;
    batch.first_chunk[0] = 0;
    for (; done < n_spans && batch.n_spans < kSpansPerLaunch; ++done) {
      const saddle_cuda_span& span = spans[done];
      if (span.count == 0) continue;  // so that every span in the table owns a chunk
      const int i = batch.n_spans++;
      batch.data[i] = span.data;
      batch.count[i] = span.count;
      batch.type[i] = static_cast<std::uint8_t>(span.type);
      batch.first_chunk[i + 1] = batch.first_chunk[i] + chunks(span.count * element_bytes(span.type));
    }
    if (const int status = launch(batch, device_flag, static_cast<cudaStream_t>(stream))) return status;
  }
  return 0;
}
