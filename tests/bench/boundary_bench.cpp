// What the boundary costs a whole network: the bundled models, which call the host for every operator,
// against the same networks as LibTorch modules, which cross once a pass. Prints one JSON object a line.
//
//   saddle_boundary_bench FOLDER_OF_BUNDLED_PLUGINS FILE_OF_NATIVE_MODELS
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <bridge/instances.hpp>
#include <common/error.hpp>
#include <train/effective.hpp>
#include <train/random.hpp>

namespace {

using namespace saddle::worker;
namespace train = saddle::train;
namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

double processor_time() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

constexpr int64_t kSide = 8, kBatch = 64, kLatent = 64;

// A model with weights, as the trainer holds it.
class Network {
 public:
  Network(const fs::path& file, const std::string& name, const std::string& role, int64_t width)
      : model_(find_component(file, "model", name), role, parameters(file, name, width),
               {{"sample_shape", {1, kSide, kSide}}, {"latent_size", kLatent}, {"classes", 0}}),
        set_(model_.declared().parameters, model_.declared().buffers, train::make_generator(1, role)),
        effective_(set_, {}) {
    for (const auto& b : model_.declared().buffers) buffers_.push_back(set_.buffer(b.name));
    input_ = role == "generator"
                 ? NamedTensors{{"z", at::ones({kBatch, kLatent}).cumsum(1) / kLatent}}
                 : NamedTensors{
                       {"image", at::linspace(-1, 1, kBatch * kSide * kSide).reshape({-1, 1, kSide, kSide})}};
  }

  void load(const Network& other) { set_.load(other.set_.tensors(), train::ParameterSet::Load::weights); }
  void start() {
    effective_.begin(1, train::Use::own);
    for (size_t i = 0; i < set_.parameters().size(); ++i) weights_.push_back(effective_.weight(i, 1));
  }
  at::Tensor forward(bool training) { return model_.forward(weights_, buffers_, input_, training)[0].second; }
  void measure() {
    const at::NoGradGuard no_grad;
    forward(false);
  }
  void train() {
    torch::autograd::grad({forward(true).sum()}, weights_, {}, false, false, /*allow_unused=*/true);
  }

 private:
  static json parameters(const fs::path& file, const std::string& name, int64_t width) {
    json all = json::object();
    for (const auto& [key, schema] :
         find_component(file, "model", name).description["parameters"]["properties"].items())
      all[key] = schema["default"];
    all["width"] = width;
    return all;
  }
  Model model_;
  train::ParameterSet set_;
  train::EffectiveWeights effective_;
  std::vector<at::Tensor> weights_, buffers_;
  NamedTensors input_;
};

// Of processor time, since all runs on this thread: what others do to the machine counts less.
double microseconds(const std::function<void()>& body, int calls) {
  const double start = processor_time();
  for (int i = 0; i < calls; ++i) body();
  return (processor_time() - start) / calls * 1e6;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Both sides take many short turns, one right after the other. The ratio is the median of those of the pairs.
void compare(const std::string& name, const std::string& role, int64_t width, const char* pass,
             const std::function<void()>& core, const std::function<void()>& native) {
  const double once = std::max(microseconds(core, 3), microseconds(native, 3));
  const int calls = std::max(1, static_cast<int>(1000 / once));
  const auto end = Clock::now() + std::chrono::milliseconds(2000);
  std::vector<double> a, b, ratios;
  while (ratios.size() < 40 || Clock::now() < end) {
    const bool core_first = ratios.size() % 2 == 0;
    if (core_first) a.push_back(microseconds(core, calls));
    b.push_back(microseconds(native, calls));
    if (!core_first) a.push_back(microseconds(core, calls));
    ratios.push_back(a.back() / b.back());
  }
  std::printf(
      "{\"bench\": \"boundary\", \"model\": \"%s\", \"role\": \"%s\", \"width\": %lld, \"pass\": \"%s\", "
      "\"core_us\": %.2f, \"native_us\": %.2f, \"ratio\": %.4f, \"pairs\": %zu}\n",
      name.c_str(), role.c_str(), static_cast<long long>(width), pass, median(a), median(b), median(ratios),
      ratios.size());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: saddle_boundary_bench FOLDER_OF_BUNDLED_PLUGINS FILE_OF_NATIVE_MODELS\n");
    return 2;
  }
  at::set_num_threads(1);
  const fs::path bundled = argv[1];
  try {
    for (const std::string name : {"mlp", "dcgan", "sngan"})
      for (const std::string role : {"generator", "discriminator"})
        for (const int64_t width : {8, 32, 64}) {
          Network core(bundled / ("model_" + name + ".so"), name, role, width);
          Network native(name == "dcgan" ? bundled / "model_native_dcgan.so" : fs::path(argv[2]),
                         "native_" + name, role, width);
          native.load(core);
          core.start();
          native.start();
          if (!at::allclose(core.forward(false), native.forward(false), 1e-4, 1e-5))
            throw saddle::Error(name + " as " + role + ": the native network computes something else");
          compare(
              name, role, width, "forward", [&] { core.measure(); }, [&] { native.measure(); });
          compare(
              name, role, width, "forward and backward", [&] { core.train(); }, [&] { native.train(); });
        }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
