#include "fixture.hpp"

#include <fstream>

#include <unistd.h>

#include <train/random.hpp>
#include <train/safetensors.hpp>

namespace saddle::test {

Answer run_saddle(const Arguments& arguments) {
  Arguments argv = {SADDLE_PROGRAM};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const ChildResult result = run_child(argv, "", 120);
  INFO(result.failure());
  REQUIRE_FALSE(result.timed_out);
  REQUIRE(result.signal == 0);
  return {result.exit_code, result.out, result.err};
}

Json ask(Arguments arguments) {
  arguments.push_back("--json");
  const Answer answer = run_saddle(arguments);
  INFO(answer.err);
  REQUIRE(answer.code == 0);
  return Json::parse(answer.out);
}

std::string refusal(const Arguments& arguments) {
  const Answer answer = run_saddle(arguments);
  INFO("stdout: " << answer.out << "\nstderr: " << answer.err);
  CHECK(answer.code == 2);
  CHECK(answer.out.empty());
  // Our message and nothing else: no stack trace, no backtrace of LibTorch.
  CHECK(answer.err.starts_with("saddle: "));
  CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
  return answer.err;
}

Scratch::Scratch() {
  std::string name = (std::filesystem::temp_directory_path() / "saddle-probe-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
}
Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}
std::string Scratch::write(const std::string& name, const Tensors& tensors) const {
  train::write_safetensors(folder_ / name, tensors);
  return *this / name;
}
Tensors Scratch::read(const std::string& name) const {
  return train::read_safetensors(folder_ / name).tensors;
}

std::string run_grid(const Scratch& scratch, const std::string& name, const std::string& grid) {
  std::ofstream(scratch / "grid.json") << grid;
  const std::string database = scratch / (name + ".db");
  const Answer run = run_saddle({"run", scratch / "grid.json", "--db", database});
  INFO(run.out << run.err);
  REQUIRE(run.code == 0);
  return database;
}

at::Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  return at::empty(shape, at::kDouble).normal_(0, 1, train::make_generator(seed, "test"));
}

}  // namespace saddle::test
