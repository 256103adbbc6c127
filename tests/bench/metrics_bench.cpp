// A costly metric at the size of published numbers. Prints one JSON object a line.
// usage: saddle_metrics_bench PLUGINS METRIC SAMPLES FEATURES THREADS
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <bridge/instances.hpp>
#include <bridge/loader.hpp>

using namespace saddle::worker;

namespace {

Metric open(const std::filesystem::path& folder, const std::string& name) {
  const Component& component = find_component(folder / ("metric_" + name + ".so"), "metric", name);
  nlohmann::json parameters = nlohmann::json::object();
  for (const auto& [key, schema] : component.description.at("parameters").at("properties").items())
    parameters[key] = schema.at("default");
  return Metric(component, parameters, nlohmann::json::object());
}

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}
double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

}  // namespace

// The features of metrics_packages.py in kind: normal, with a spread that grows along the features.
int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int64_t samples = std::atoll(argv[3]), features = std::atoll(argv[4]);
  const at::NoGradGuard no_grad;
  at::set_num_threads(std::atoi(argv[5]));
  at::manual_seed(1);
  const at::Tensor scale = at::linspace(0.1, 2, features);
  const at::Tensor real = at::randn({samples, features}).mul_(scale);
  const at::Tensor fake = at::randn({samples, features}).mul_(scale).add_(0.1);
  const Metric metric = open(argv[1], argv[2]);
  const double before_mb = peak_mb(), before_s = processor_seconds();
  const auto start = std::chrono::steady_clock::now();
  metric.reference(real, {});
  const auto numbers = metric.measure(fake, {});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const double processor_s = processor_seconds() - before_s;
  std::printf("{\"seconds\": %.4f, \"processor_s\": %.4f, \"more_mb\": %.0f, \"first_number\": %.10g}\n",
              seconds.count(), processor_s, peak_mb() - before_mb, numbers.front().second);
}
