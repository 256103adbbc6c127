#include <ATen/ATen.h>

#include <saddle/weights.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <train/safetensors.hpp>

#include "in_process.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

struct File {
  std::string path = (std::filesystem::temp_directory_path() / "saddle-weights-test.safetensors").string();
  ~File() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("weights are read by name, in their own type, and in the order of the file") {
  const Sdk sdk;
  const NoLeak leak;
  const File file;
  const at::Tensor kernel = at::randn({4, 3, 2, 2}), wide = at::randn({5}, at::kDouble),
                   count = at::arange(3, at::kLong);
  train::write_safetensors(file.path, {{"conv.weight", kernel}, {"a", wide}, {"count", count}});
  {
    const Weights weights(file.path);
    CHECK(weights.names() == std::vector<std::string>{"a", "count", "conv.weight"});
    CHECK(weights.contains("count"));
    CHECK_FALSE(weights.contains("counts"));
    CHECK(at::equal(unwrap(weights["conv.weight"]), kernel));
    CHECK(at::equal(unwrap(weights["a"]), wide));
    CHECK(weights["count"].dtype() == DType::int64);
    CHECK_THROWS_WITH(weights["conv.wieght"],
                      Catch::Contains("has no tensor \"conv.wieght\"") && Catch::Contains("\"conv.weight\""));
    const Tensor kept = weights["a"];
    CHECK_FALSE(leak.holds());
  }
  CHECK(leak.holds());
}

TEST_CASE("a file of weights that is damaged or not there is one clear error") {
  const Sdk sdk;
  const File file;
  CHECK_THROWS_WITH(Weights("/nowhere/w.safetensors"),
                    Catch::Contains("/nowhere/w.safetensors: cannot be opened"));
  CHECK_THROWS_WITH(Weights(""), Catch::Contains("no weights file is named"));
  train::write_safetensors(file.path, {{"x", at::ones({100})}});
  std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 1);
  CHECK_THROWS_WITH(Weights(file.path), Catch::Contains(file.path) && Catch::Contains("outside"));
  std::ofstream(file.path) << "PK\3\4 a zip file, as .pt files are";
  CHECK_THROWS_WITH(Weights(file.path), Catch::Contains("not a safetensors file"));
}
