#include "files.hpp"
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
// Picture i: pixel (row, column) of plane c is (i + 40 c + row / 2 + column) % 256, stored column by column.
uint8_t pixel(int i, int c, int row, int column) {
  return static_cast<uint8_t>((i + 40 * c + row / 2 + column) % 256);
}
Bytes pictures(int first, int count) {
  Bytes out;
  for (int i = first; i < first + count; ++i)
    for (int c = 0; c < 3; ++c)
      for (int column = 0; column < 96; ++column)
        for (int row = 0; row < 96; ++row) out.push_back(pixel(i, c, row, column));
  return out;
}
void write_all(const Folder& folder) {
  folder.write("train_X.bin", pictures(0, 3));
  folder.write("train_y.bin", Bytes{1, 10, 5});
  folder.write("test_X.bin", pictures(3, 2));
  folder.write("test_y.bin", Bytes{2, 3});
  folder.write("unlabeled_X.bin", pictures(5, 4));
}
}  // namespace

TEST_CASE("stl10 turns columns into rows and averages squares", "[stl10]") {
  const Folder folder;
  write_all(folder);
  const Dataset whole(plugin("stl10"), {{"path", folder.string()}, {"size", 96}}, {});
  CHECK(whole.shape() == std::vector<int64_t>{3, 96, 96});
  CHECK(whole.info().classes == 10);
  CHECK(whole.info().splits[0].size == 3);
  CHECK(whole.info().splits[1].size == 2);
  std::vector<int64_t> labels;
  const auto samples = whole.read<uint8_t>(0, {1, 2}, &labels);
  CHECK(labels == std::vector<int64_t>{9, 4});
  for (int c = 0; c < 3; ++c)
    for (int row = 0; row < 96; ++row)
      for (int column = 0; column < 96; ++column)
        REQUIRE(samples[static_cast<size_t>((c * 96 + row) * 96 + column)] == pixel(1, c, row, column));

  const Dataset half(plugin("stl10"), {{"path", folder.string()}}, {});
  CHECK(half.shape() == std::vector<int64_t>{3, 48, 48});
  const auto small = half.read<uint8_t>(1, {0});
  const int sum = pixel(3, 1, 20, 30) + pixel(3, 1, 20, 31) + pixel(3, 1, 21, 30) + pixel(3, 1, 21, 31);
  CHECK(small[(1 * 48 + 10) * 48 + 15] == (sum + 2) / 4);
}

TEST_CASE("stl10 with its unlabelled pictures has no labels", "[stl10]") {
  const Folder folder;
  write_all(folder);
  const Dataset set(plugin("stl10"), {{"path", folder.string()}, {"unlabeled", true}, {"size", 96}}, {});
  CHECK(set.info().classes == 0);
  CHECK(set.info().splits[0].size == 7);
  CHECK(set.read<uint8_t>(0, {6})[0] == pixel(8, 0, 0, 0));
}

TEST_CASE("what is wrong with stl10's files is said", "[stl10]") {
  const Folder folder;
  write_all(folder);
  const json params = {{"path", folder.string()}};
  CHECK_THAT(error("stl10", {{"path", folder.string()}, {"size", 50}}), Contains("divisor of 96"));
  folder.write("train_y.bin", Bytes{1, 10});
  CHECK_THAT(error("stl10", params), Contains("train_y.bin: 2 labels for 3 pictures"));
  folder.write("train_y.bin", Bytes{1, 11, 5});
  CHECK_THAT(error("stl10", params), Contains("label 1 is 11"));
  folder.cut("train_X.bin", 27649);
  CHECK_THAT(error("stl10", params), Contains("train_X.bin: 27649 bytes are not a whole number of pictures"));
  fs::remove(folder.path() / "train_X.bin");
  CHECK_THAT(error("stl10", params), Contains("there is no such file") && Contains("stl10_binary.tar.gz"));
}
