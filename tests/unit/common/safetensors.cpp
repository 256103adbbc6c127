// The header of a safetensors file by itself; tests/unit/worker reads whole files.
#include <catch2/catch.hpp>

#include <common/error.hpp>
#include <common/safetensors.hpp>

using namespace saddle;

namespace {

std::string refusal(const std::string& json, std::uint64_t data_bytes = 8) {
  try {
    read_safetensors_header(json, data_bytes, "x");
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

std::string tensor(const std::string& shape, int end) {
  return "{\"a\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[0," + std::to_string(end) +
         "]}}";
}

}  // namespace

TEST_CASE("a header gives its tensors in the order of the data") {
  const SafetensorsHeader header = read_safetensors_header(
      R"({"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
          "__metadata__":{"k":"v"}})",
      9, "x");
  REQUIRE(header.entries.size() == 2);
  CHECK(header.entries[0].name == "a");
  CHECK(header.entries[0].shape == std::vector<std::int64_t>{2, 1});
  CHECK(header.entries[1].begin == 8);
  CHECK(header.metadata.at("k") == "v");
}

TEST_CASE("a shape of no elements must still be one that strides can be made of") {
  CHECK(refusal(tensor("[0]", 0), 0) == "accepted");
  CHECK(refusal(tensor("[0,3]", 0), 0) == "accepted");
  CHECK_THAT(refusal(tensor("[0,4611686018427387904,4]", 0), 0), Catch::Contains("is too large"));
  CHECK_THAT(refusal(tensor("[9223372036854775807,9223372036854775807,0]", 0), 0),
             Catch::Contains("is too large"));
}

TEST_CASE("long or odd values do not make long messages") {
  std::string ones = "[1";
  for (int i = 0; i < 100; ++i) ones += ",1";
  CHECK(refusal(tensor(ones + "]", 4), 4) ==
        "x: tensor \"a\": a shape of 101 dimensions; at most 64 are read");
  CHECK(
      refusal("{\"a\":{\"dtype\":\"" + std::string(100000, 'y') + "\",\"shape\":[2],\"data_offsets\":[0,8]}}")
          .size() < 250);
}

TEST_CASE("the length of a header is believed only as far as the file reaches") {
  const auto length = [](std::uint64_t said, std::uint64_t file) {
    return safetensors_header_bytes(reinterpret_cast<const char*>(&said), file, "x");
  };
  CHECK(length(2, 10) == 2);
  CHECK_THROWS_WITH(length(3, 10), Catch::Contains("should have 3 bytes, 2 are left"));
  CHECK_THROWS_WITH(length(UINT64_MAX, 10), Catch::Contains("cut short"));
  CHECK_THROWS_WITH(length(0, 7), Catch::Contains("7 bytes are too few"));
  CHECK_THROWS_WITH(length(200'000'000, 300'000'000), Catch::Contains("larger than 100 MB"));
}
