#pragma once
#include <stddef.h>
#include <stdint.h>

// The CUDA part: a library of its own, libsaddle_cuda.so, that the worker opens
// with dlopen when a trial asks for a GPU, from ../lib/saddle beside its bin
// folder. A machine without nvcc builds no such library and trains on the CPU.
//
// It shares the process's CUDA run-time (libcudart.so.13) with LibTorch, and so
// the device, its memory and its streams. Open libtorch_cuda.so before the first
// call here: LibTorch asks once whether there is a GPU and keeps the answer.
//
// Every function returns 0, or a cudaError_t that saddle_cuda_last_error() puts
// into words. All may be called from any thread.
#ifdef __cplusplus
extern "C" {
#endif

#define SADDLE_CUDA_API __attribute__((visibility("default")))

// Grows only at its end; the caller sets struct_size to sizeof(saddle_cuda_device) first.
typedef struct saddle_cuda_device {
  uint32_t struct_size;
  char name[256];
  uint64_t memory_bytes;
  int32_t compute_major;  // 9 and 0 for an H100
  int32_t compute_minor;
  int32_t multiprocessors;
} saddle_cuda_device;

typedef enum saddle_cuda_type {
  SADDLE_CUDA_FLOAT16 = 0,
  SADDLE_CUDA_BFLOAT16 = 1,
  SADDLE_CUDA_FLOAT32 = 2,
  SADDLE_CUDA_FLOAT64 = 3,
} saddle_cuda_type;

// One dense run of elements in device memory: a tensor whose storage has no gaps, in any order of dimensions.
typedef struct saddle_cuda_span {
  const void* data;  // aligned to one element; may be null when count is 0
  uint64_t count;    // elements, not bytes
  uint32_t type;     // saddle_cuda_type
} saddle_cuda_span;

// What the latest failing call of this thread had to say, and what to do; "" when none failed.
// Valid until the thread's next call.
SADDLE_CUDA_API const char* saddle_cuda_last_error(void);

// How many GPUs this process may use. No driver and no GPU are errors, so that the reason can be shown.
SADDLE_CUDA_API int saddle_cuda_device_count(int32_t* count);

SADDLE_CUDA_API int saddle_cuda_describe_device(int32_t index, saddle_cuda_device* device);

// As CUDA writes them: 13000 is 13.0. The driver's is 0 where none is installed.
SADDLE_CUDA_API int saddle_cuda_versions(int32_t* driver, int32_t* runtime);

// Sets *device_flag (device memory, which the caller zeroed) to 1 when any element of any span is NaN or
// infinite, and leaves it alone otherwise. Enqueued on `stream` (a cudaStream_t; null: the default stream) of
// the current device in one launch for each 128 spans; returns at once. The spans themselves (host memory)
// are copied before the return. A type or alignment that is wrong is an error before anything is launched.
SADDLE_CUDA_API int saddle_cuda_flag_nonfinite(const saddle_cuda_span* spans, size_t n_spans,
                                               uint32_t* device_flag, void* stream);

#ifdef __cplusplus
}
#endif
