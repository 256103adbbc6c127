#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "error.hpp"
#include "saddle_cuda.h"

namespace saddle::cuda {
namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

// What to do about the two reasons that a newcomer meets.
const char* advice(cudaError_t status) {
  switch (status) {
    case cudaErrorInsufficientDriver:
      return " (no NVIDIA driver, or one older than CUDA 13.0 needs: 580)";
    case cudaErrorNoDevice:
      return " (no GPU visible to this process: see nvidia-smi and CUDA_VISIBLE_DEVICES)";
    default:
      return "";
  }
}

}  // namespace

int fail(cudaError_t status, const char* text) {
  last_error() = text;
  return static_cast<int>(status);
}

int check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return 0;
  const std::string text = std::string(what) + ": " + cudaGetErrorName(status) + ", " +
                           cudaGetErrorString(status) + advice(status);
  // CUDA keeps the error for its next caller, who would take it for its own.
  cudaGetLastError();
  return fail(status, text.c_str());
}

}  // namespace saddle::cuda

using namespace saddle::cuda;

const char* saddle_cuda_last_error() { return last_error().c_str(); }

int saddle_cuda_device_count(int32_t* count) {
  int n = 0;
  const int status = check(cudaGetDeviceCount(&n), "counting GPUs");
  *count = status == 0 ? n : 0;
  return status;
}

int saddle_cuda_describe_device(int32_t index, saddle_cuda_device* device) {
  if (device->struct_size < sizeof(saddle_cuda_device)) {
    return fail(cudaErrorInvalidValue,
                "saddle_cuda_describe_device: struct_size is smaller than version 1's");
  }
  cudaDeviceProp properties;
  if (const int status = check(cudaGetDeviceProperties(&properties, index), "describing a GPU"))
    return status;
  std::snprintf(device->name, sizeof(device->name), "%s", properties.name);
  device->memory_bytes = properties.totalGlobalMem;
  device->compute_major = properties.major;
  device->compute_minor = properties.minor;
  device->multiprocessors = properties.multiProcessorCount;
  return 0;
}

int saddle_cuda_versions(int32_t* driver, int32_t* runtime) {
  if (const int status = check(cudaDriverGetVersion(driver), "asking for the driver's version"))
    return status;
  return check(cudaRuntimeGetVersion(runtime), "asking for the CUDA run-time's version");
}
