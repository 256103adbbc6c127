#include <game/cuda.hpp>

#include <ATen/ATen.h>
#include <dlfcn.h>

#include <vector>

#include <bridge/host.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <saddle_cuda.h>

namespace saddle::worker {
namespace {

// The CUDA part's functions, once both libraries are open.
struct Cuda {
  decltype(&saddle_cuda_device_count) device_count;
  decltype(&saddle_cuda_describe_device) describe;
  decltype(&saddle_cuda_flag_nonfinite) flag_nonfinite;
  decltype(&saddle_cuda_last_error) last_error;
};

void* open(const std::string& file, int flags) {
  void* library = dlopen(file.c_str(), flags);
  if (!library) throw Error("cannot open " + file + ": " + dlerror(), kEnvironment);
  return library;
}

const Cuda& cuda() {
  static const Cuda functions = [] {
    // RTLD_GLOBAL, and before the first CUDA query: it registers itself with libtorch_cpu.
    open("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
    void* ours =
        open((program_folder() / ".." / "lib" / "saddle" / "libsaddle_cuda.so").lexically_normal().string(),
             RTLD_NOW | RTLD_LOCAL);
    const auto symbol = [&](const char* name) {
      void* p = dlsym(ours, name);
      if (!p) throw Error(std::string("libsaddle_cuda.so has no ") + name, kEnvironment);
      return p;
    };
    return Cuda{reinterpret_cast<decltype(Cuda::device_count)>(symbol("saddle_cuda_device_count")),
                reinterpret_cast<decltype(Cuda::describe)>(symbol("saddle_cuda_describe_device")),
                reinterpret_cast<decltype(Cuda::flag_nonfinite)>(symbol("saddle_cuda_flag_nonfinite")),
                reinterpret_cast<decltype(Cuda::last_error)>(symbol("saddle_cuda_last_error"))};
  }();
  return functions;
}

void check(int status) {
  if (status != 0) throw Error(cuda().last_error(), kEnvironment);
}

uint32_t type_of(const at::Tensor& t) {
  switch (t.scalar_type()) {
    case at::kHalf:
      return SADDLE_CUDA_FLOAT16;
    case at::kBFloat16:
      return SADDLE_CUDA_BFLOAT16;
    case at::kFloat:
      return SADDLE_CUDA_FLOAT32;
    default:
      return SADDLE_CUDA_FLOAT64;
  }
}

bool any_nonfinite_on_gpu(const std::vector<at::Tensor>& tensors) {
  std::vector<saddle_cuda_span> spans;
  for (const at::Tensor& t : tensors)
    spans.push_back({t.data_ptr(), static_cast<uint64_t>(t.numel()), type_of(t)});
  const at::Tensor flag = at::zeros({1}, at::TensorOptions(tensors[0].device()).dtype(at::kInt));
  check(cuda().flag_nonfinite(spans.data(), spans.size(), static_cast<uint32_t*>(flag.data_ptr()), nullptr));
  return flag.item<int>() != 0;
}

}  // namespace

void open_device(const std::string& device) {
  if (device == "cpu") return set_trial_device(at::kCPU);
  int32_t count = 0;
  check(cuda().device_count(&count));
  if (!at::hasCUDA()) throw Error("LibTorch was opened without its CUDA part", kEnvironment);
  set_trial_device(at::Device(at::kCUDA, 0));
}

nlohmann::json cuda_report() {
  nlohmann::json report = {{"available", false}, {"reason", ""}, {"devices", nlohmann::json::array()}};
  try {
    int32_t count = 0;
    check(cuda().device_count(&count));
    for (int32_t i = 0; i < count; ++i) {
      saddle_cuda_device d{};
      d.struct_size = sizeof d;
      check(cuda().describe(i, &d));
      report["devices"].push_back(
          {{"name", d.name},
           {"memory_bytes", d.memory_bytes},
           {"compute", std::to_string(d.compute_major) + "." + std::to_string(d.compute_minor)}});
    }
    report["available"] = count > 0;
  } catch (const std::exception& e) {
    report["reason"] = e.what();
  }
  return report;
}

std::string first_nonfinite(const std::map<std::string, at::Tensor>& tensors) {
  std::vector<at::Tensor> on_gpu;
  for (const auto& [name, t] : tensors)
    if (t.is_cuda() && t.is_floating_point() && t.is_non_overlapping_and_dense()) on_gpu.push_back(t);
  if (!on_gpu.empty() && !any_nonfinite_on_gpu(on_gpu)) return "";
  for (const auto& [name, t] : tensors)
    if (t.is_floating_point() && !at::isfinite(t).all().item<bool>()) return name;
  return "";
}

}  // namespace saddle::worker
