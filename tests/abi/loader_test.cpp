#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <bridge/loader.hpp>
#include <common/error.hpp>

using namespace saddle::worker;
namespace fs = std::filesystem;

namespace {

std::string refusal(const fs::path& file) {
  const auto line = describe_plugin(file);
  REQUIRE_FALSE(line.at("ok").get<bool>());
  return line.at("error");
}

}  // namespace

TEST_CASE("a plugin in C describes itself") {
  const auto line = describe_plugin(fs::path(FIXTURES) / "fixture_c_model.so");
  REQUIRE(line.at("ok").get<bool>());
  CHECK(line.at("sha256").get<std::string>().size() == 64);
  REQUIRE(line.at("components").size() == 2);
  CHECK(line.at("components")[0].at("name") == "c_model");
}

TEST_CASE("a plugin is opened once") {
  const fs::path file = fs::path(FIXTURES) / "fixture_c_model.so";
  CHECK(&load_plugin(file) == &load_plugin(file.parent_path() / "." / file.filename()));
}

TEST_CASE("a component is found by kind and name") {
  const fs::path file = fs::path(FIXTURES) / "fixture_c_model.so";
  CHECK(find_component(file, "loss", "c_loss").name == "c_loss");
  CHECK_THROWS_WITH(find_component(file, "loss", "c_model"), Catch::Contains("has no loss 'c_model'"));
}

TEST_CASE("what is not a plugin is refused with the reason") {
  const fs::path folder = fs::temp_directory_path() / "saddle-loader-test";
  fs::create_directories(folder);
  const fs::path text = folder / "text.so";
  std::ofstream(text) << "not a library\n";
  CHECK(refusal(text) == "not a shared library: it has no ELF header");
  CHECK_THAT(refusal(folder / "absent.so"), Catch::Contains("No such file"));
  // A library, but no plugin.
  CHECK_THAT(refusal(fs::canonical(LIBTORCH_C10)), Catch::Contains("does not export saddle_plugin_v1"));
  fs::remove_all(folder);
}
