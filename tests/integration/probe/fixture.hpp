#pragma once
#include <ATen/ATen.h>
// LibTorch defines CHECK too.
#undef CHECK
#include <catch2/catch.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <common/json.hpp>
#include <common/process.hpp>

namespace saddle::test {

using Tensors = std::map<std::string, at::Tensor>;
using Arguments = std::vector<std::string>;

// The program, run to its end.
struct Answer {
  int code = 0;
  std::string out, err;
};
Answer run_saddle(const Arguments& arguments);
// Its answer, which must be JSON after a success.
Json ask(Arguments arguments);
// What it says when it refuses: exit code 2, one line on stderr, nothing on stdout.
std::string refusal(const Arguments& arguments);

// A folder that goes when the test ends.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }
  // A safetensors file; its path.
  std::string write(const std::string& name, const Tensors& tensors) const;
  Tensors read(const std::string& name) const;

 private:
  std::filesystem::path folder_;
};

// Runs a grid to its end; its database, NAME.db in the folder.
std::string run_grid(const Scratch& scratch, const std::string& name, const std::string& grid);

// Standard normal numbers in float64, the same for a seed.
at::Tensor normal(at::IntArrayRef shape, uint64_t seed);

inline Approx about(double value) { return Approx(value).epsilon(1e-9).margin(1e-12); }

}  // namespace saddle::test
