#include "files.hpp"

#include <matio.h>
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
uint8_t pixel(size_t i, size_t c, size_t row, size_t column) {
  return static_cast<uint8_t>(100 * i + 30 * c + row + 2 * column);
}

void write_mat(const fs::path& file, size_t first, Bytes labels, size_t side = 32, const char* name = "X",
               matio_compression compression = MAT_COMPRESSION_ZLIB) {
  Bytes x(side * side * 3 * labels.size());
  for (size_t i = 0; i < labels.size(); ++i)
    for (size_t c = 0; c < 3; ++c)
      for (size_t row = 0; row < side; ++row)
        for (size_t column = 0; column < side; ++column)
          x[row + side * (column + side * (c + 3 * i))] = pixel(first + i, c, row, column);
  mat_t* out = Mat_CreateVer(file.c_str(), nullptr, MAT_FT_MAT5);
  REQUIRE(out);
  size_t x_size[] = {side, side, 3, labels.size()}, y_size[] = {labels.size(), 1};
  matvar_t* xs = Mat_VarCreate(name, MAT_C_UINT8, MAT_T_UINT8, 4, x_size, x.data(), 0);
  matvar_t* ys = Mat_VarCreate("y", MAT_C_UINT8, MAT_T_UINT8, 2, y_size, labels.data(), 0);
  REQUIRE(Mat_VarWrite(out, xs, compression) == 0);
  REQUIRE(Mat_VarWrite(out, ys, compression) == 0);
  Mat_VarFree(xs);
  Mat_VarFree(ys);
  Mat_Close(out);
}
}  // namespace

TEST_CASE("svhn reads MATLAB files, compressed or not", "[svhn]") {
  const Folder folder;
  const auto compression = GENERATE(MAT_COMPRESSION_ZLIB, MAT_COMPRESSION_NONE);
  write_mat(folder.path() / "train_32x32.mat", 0, {1, 10}, 32, "X", compression);
  write_mat(folder.path() / "test_32x32.mat", 2, {9, 2, 3}, 32, "X", compression);
  write_mat(folder.path() / "extra_32x32.mat", 1, {7}, 32, "X", compression);
  const Dataset set(plugin("svhn"), {{"path", folder.string()}}, {});
  CHECK(set.shape() == std::vector<int64_t>{3, 32, 32});
  CHECK(set.info().classes == 10);
  CHECK(set.info().splits[0].size == 2);
  CHECK(set.info().splits[1].size == 3);
  std::vector<int64_t> labels;
  const auto samples = set.read<uint8_t>(0, {0, 1}, &labels);
  CHECK(labels == std::vector<int64_t>{1, 0});  // 10 is the digit 0
  for (size_t i = 0; i < 2; ++i)
    for (size_t c = 0; c < 3; ++c)
      for (size_t row = 0; row < 32; ++row)
        for (size_t column = 0; column < 32; ++column)
          REQUIRE(samples[((i * 3 + c) * 32 + row) * 32 + column] == pixel(i, c, row, column));
  const Dataset more(plugin("svhn"), {{"path", folder.string()}, {"extra", true}}, {});
  CHECK(more.info().splits[0].size == 3);
}

TEST_CASE("what is wrong with svhn's files is said", "[svhn]") {
  const Folder folder;
  const json params = {{"path", folder.string()}};
  CHECK_THAT(error("svhn", params),
             Contains("train_32x32.mat: there is no such file") && Contains("image_folder"));
  folder.write("train_32x32.mat", "not a MATLAB file");
  CHECK_THAT(error("svhn", params), Contains("no MATLAB file"));
  write_mat(folder.path() / "train_32x32.mat", 0, {1}, 16);
  CHECK_THAT(error("svhn", params), Contains("X is not 32 x 32 x 3 x n"));
  write_mat(folder.path() / "train_32x32.mat", 0, {1}, 32, "Z");
  CHECK_THAT(error("svhn", params), Contains("the variable X is missing"));
  write_mat(folder.path() / "train_32x32.mat", 0, {11});
  CHECK_THAT(error("svhn", params), Contains("label 0 is 11"));
}
