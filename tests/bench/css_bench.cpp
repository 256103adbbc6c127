// The loss css, whose largest matrix is channels x channels, against the form in which its paper states it,
// places x places: there and back on one thread, each case in a process of its own, whose memory is its own.
// Prints one JSON object a line. usage: saddle_css_bench PLUGINS
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <bridge/instances.hpp>
#include <bridge/loader.hpp>

using namespace saddle::worker;

namespace {

constexpr int64_t kChannels = 128, kSide = 8;  // what the paper's encoder gives of pictures of 32 x 32

struct Features : StepSource {
  at::Tensor real, fake;
  at::Tensor input(const std::string&) override { return {}; }
  at::Tensor output(const std::string&, const std::string& sample, const std::string&) override {
    return sample == "real" ? real : fake;
  }
  NamedTensors run(const std::string&, const NamedTensors&) override { return {}; }
};

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}
double available_mib() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;)
    if (word == "MemAvailable:") {
      double kib = 0;
      file >> kib;
      return kib / 1024;
    }
  return 0;
}

at::Tensor statistic(const at::Tensor& features) {
  at::Tensor f = features.transpose(0, 1).reshape({kChannels, -1}).relu();
  f = f / f.norm(2, {0}, true).clamp_min(1e-12);
  const auto places = static_cast<double>(f.size(1));
  return f.mm(f.t().mm(f)).sum(1) / (places * places);
}

void measure(const std::filesystem::path& plugins, int64_t batch, bool literal) {
  at::set_num_threads(1);
  at::manual_seed(1);
  Features game;
  game.real = at::randn({batch, kChannels, kSide, kSide});
  game.fake = at::randn({batch, kChannels, kSide, kSide}).add_(0.2).requires_grad_();
  const Component& component = find_component(plugins / "loss_css.so", "loss", "css");
  nlohmann::json parameters = nlohmann::json::object();
  for (const auto& [key, schema] : component.description.at("parameters").at("properties").items())
    parameters[key] = schema.at("default");
  parameters["running"] = false;
  const Loss loss(component, parameters, nlohmann::json::object());
  const auto compute = [&] {
    if (!literal) return loss.compute(game, "generator", 0, {}, {}).at(0).second;
    at::Tensor real;
    {
      const at::NoGradGuard no_grad;
      real = statistic(game.real);
    }
    return (statistic(game.fake) - real).relu().square().sum();
  };
  const double before = peak_mib();
  double best = 0, value = 0;
  const int turns = literal && batch > 64 ? 1 : 5;
  for (int i = 0; i < turns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor total = compute();
    torch::autograd::grad({total}, {game.fake});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (i == 0 || took.count() < best) best = took.count();
    value = total.item<double>();
  }
  std::printf("{\"form\": \"%s\", \"batch\": %lld, \"seconds\": %.6f, \"mib\": %.1f, \"loss\": %.9g}\n",
              literal ? "literal" : "css", static_cast<long long>(batch), best, peak_mib() - before, value);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const int64_t batch : {64, 512})
    for (const bool literal : {false, true}) {
      const double places = static_cast<double>(batch * kSide * kSide);
      if (literal && available_mib() < 3 * 4 * places * places / (1 << 20)) {
        std::fprintf(stderr, "the literal form at batch %lld does not fit in this machine's free memory\n",
                     static_cast<long long>(batch));
        continue;
      }
      const pid_t child = ::fork();
      if (child < 0) return 1;
      if (child == 0) {
        measure(argv[1], batch, literal);
        std::_Exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      if (status != 0) return 1;
    }
  return 0;
}
