#include "workers.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include <common/process.hpp>

namespace saddle::test {
namespace fs = std::filesystem;
namespace {

std::string path_of(Worker worker) {
  return worker == Worker::newer ? NEWER_WORKER : std::getenv("SADDLE_COMPAT_WORKER");
}

std::string run(const Arguments& arguments) {
  const ChildResult result = run_child(arguments, "", 180);
  INFO(result.failure() << "\n" << result.err);
  REQUIRE_FALSE(result.timed_out);
  REQUIRE(result.signal == 0);
  REQUIRE(result.exit_code == 0);
  return result.out;
}

}  // namespace

const char* name_of(Worker worker) { return worker == Worker::newer ? "newer" : "older"; }

bool has_older_worker() {
  if (const char* path = std::getenv("SADDLE_COMPAT_WORKER"); path && *path) return true;
  std::cout
      << "skipped: there is no second worker; ./saddle test --compat builds one with an older LibTorch\n";
  return false;
}

std::string run_worker(Worker worker, Arguments arguments) {
  arguments.insert(arguments.begin(), path_of(worker));
  return run(arguments);
}

std::string run_saddle(Worker worker, Arguments arguments) {
  ::setenv("SADDLE_WORKER", path_of(worker).c_str(), 1);
  ::setenv("XDG_CACHE_HOME", SADDLE_TEST_CACHE, 1);
  if (!std::getenv("SADDLE_DATA")) ::setenv("SADDLE_DATA", DATA, 1);
  arguments.insert(arguments.begin(), SADDLE_PROGRAM);
  return run(arguments);
}

std::map<std::string, Json> describe(Worker worker, const Arguments& files) {
  Arguments arguments = {"describe"};
  arguments.insert(arguments.end(), files.begin(), files.end());
  std::istringstream lines(run_worker(worker, arguments));
  std::map<std::string, Json> found;
  for (std::string line; std::getline(lines, line);) {
    const Json said = Json::parse(line);
    if (said.contains("ok")) found[said.at("file")] = said;  // other lines say which file it has come to
  }
  REQUIRE(found.size() == files.size());
  return found;
}

std::string bundled(const std::string& plugin) { return std::string(PLUGINS) + "/" + plugin + ".so"; }

std::vector<Json> shared_components(const std::string& kind) {
  Arguments files;
  for (const auto& entry : fs::directory_iterator(PLUGINS)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kind + "_") && name.find("_native_") == std::string::npos)
      files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  const auto newer = describe(Worker::newer, files), older = describe(Worker::older, files);
  std::vector<Json> found;
  for (const std::string& file : files) {
    INFO(older.at(file).dump(1));
    REQUIRE(older.at(file).at("ok").get<bool>());
    CHECK(older.at(file).at("components") == newer.at(file).at("components"));
    for (const Json& component : older.at(file).at("components")) found.push_back(component);
  }
  return found;
}

Scratch::Scratch() {
  std::string name = (fs::temp_directory_path() / "saddle-compat-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void check_same(const Tensors& newer, const Tensors& older, double tolerance) {
  REQUIRE_FALSE(newer.empty());
  REQUIRE(newer.size() == older.size());
  for (const auto& [name, a] : newer) {
    INFO("tensor " << name);
    REQUIRE(older.contains(name));
    const at::Tensor& b = older.at(name);
    REQUIRE(a.sizes() == b.sizes());
    CHECK(at::isfinite(a).all().item<bool>());
    const double largest = a.abs().max().item<double>(), difference = (a - b).abs().max().item<double>();
    CHECK(difference <= tolerance * std::max(largest, 1e-3));
  }
}

}  // namespace saddle::test
