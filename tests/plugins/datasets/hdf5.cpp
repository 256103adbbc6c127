#include "files.hpp"

#include <hdf5.h>
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
// `imgs` as StudioGAN's make_hdf5 writes it, in chunks.
void write_h5(const fs::path& file, const std::vector<hsize_t>& shape, const std::vector<int64_t>& labels,
              const char* name = "imgs") {
  size_t count = 1;
  for (const hsize_t s : shape) count *= s;
  Bytes pixels(count);
  for (size_t i = 0; i < count; ++i) pixels[i] = static_cast<uint8_t>(i * 7 % 251);
  const hid_t out = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const int rank = static_cast<int>(shape.size());
  const hid_t space = H5Screate_simple(rank, shape.data(), nullptr), layout = H5Pcreate(H5P_DATASET_CREATE);
  std::vector<hsize_t> chunk = shape;
  chunk[0] = 1;
  H5Pset_chunk(layout, rank, chunk.data());
  H5Pset_deflate(layout, 4);
  const hid_t imgs = H5Dcreate2(out, name, H5T_NATIVE_UINT8, space, H5P_DEFAULT, layout, H5P_DEFAULT);
  REQUIRE(H5Dwrite(imgs, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels.data()) >= 0);
  H5Dclose(imgs);
  H5Pclose(layout);
  H5Sclose(space);
  if (!labels.empty()) {
    const hsize_t n = labels.size();
    const hid_t line = H5Screate_simple(1, &n, nullptr);
    const hid_t set =
        H5Dcreate2(out, "labels", H5T_NATIVE_INT64, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels.data()) >= 0);
    H5Dclose(set);
    H5Sclose(line);
  }
  H5Fclose(out);
}
}  // namespace

TEST_CASE("hdf5 reads the pictures that are asked for, in any order", "[hdf5]") {
  const Folder folder;
  write_h5(folder.path() / "a.hdf5", {5, 3, 4, 4}, {0, 3, 1, 1, 2});
  write_h5(folder.path() / "b.hdf5", {2, 3, 4, 4}, {4, 0});
  const Dataset set(plugin("hdf5"), {{"path", "a.hdf5"}, {"test", "b.hdf5"}},
                    {{"data_folder", folder.string()}});
  CHECK(set.shape() == std::vector<int64_t>{3, 4, 4});
  CHECK(set.info().classes == 5);
  CHECK(set.info().splits[0].size == 5);
  CHECK(set.info().splits[1].size == 2);
  std::vector<int64_t> labels;
  const auto samples = set.read<uint8_t>(0, {4, 0, 4}, &labels);
  CHECK(labels == std::vector<int64_t>{2, 0, 2});
  for (size_t i = 0; i < 48; ++i) {
    REQUIRE(samples[i] == (4 * 48 + i) * 7 % 251);
    REQUIRE(samples[48 + i] == i * 7 % 251);
    REQUIRE(samples[96 + i] == samples[i]);
  }
  CHECK_THROWS_WITH(set.read<uint8_t>(0, {5}), Contains("sample 5 of a split that has 5"));

  write_h5(folder.path() / "plain.hdf5", {2, 1, 4, 4}, {});
  const Dataset plain(plugin("hdf5"), {{"path", (folder.path() / "plain.hdf5").string()}}, {});
  CHECK(plain.info().classes == 0);
  CHECK(plain.info().split_count == 1);
}

TEST_CASE("hdf5 reads what h5py packed with lzf", "[hdf5]") {
  const Folder folder;
  const json& packed = reference().at("packed_hdf5");
  folder.write("a.hdf5", from_base64(packed["file"]));
  const Dataset set(plugin("hdf5"), {{"path", (folder.path() / "a.hdf5").string()}}, {});
  CHECK(set.info().classes == 3);
  std::vector<int64_t> labels;
  CHECK(set.read<uint8_t>(0, first(5), &labels) == packed["images"].get<std::vector<uint8_t>>());
  CHECK(labels == packed["labels"].get<std::vector<int64_t>>());
}

TEST_CASE("what is wrong with an hdf5 file is said", "[hdf5]") {
  const Folder folder;
  const json params = {{"path", (folder.path() / "a.hdf5").string()}};
  CHECK_THAT(error("hdf5", json::object()), Contains("no file was named"));
  CHECK_THAT(error("hdf5", params), Contains("a.hdf5: there is no such file"));
  folder.write("a.hdf5", "no HDF5");
  CHECK_THAT(error("hdf5", params), Contains("no HDF5 file"));
  write_h5(folder.path() / "a.hdf5", {2, 3, 4, 4}, {0, 1}, "pictures");
  CHECK_THAT(error("hdf5", params), Contains("it has no data set `imgs`"));
  write_h5(folder.path() / "a.hdf5", {2, 4, 4, 3}, {0, 1});
  CHECK_THAT(error("hdf5", params), Contains("is not of uint8 [n, 1 or 3, height, width]"));
  write_h5(folder.path() / "a.hdf5", {2, 3, 4, 4}, {0, 1, 2});
  CHECK_THAT(error("hdf5", params), Contains("`labels` is not of 2 numbers"));
  write_h5(folder.path() / "a.hdf5", {2, 3, 4, 4}, {0, 1});
  write_h5(folder.path() / "b.hdf5", {2, 3, 8, 8}, {0, 1});
  CHECK_THAT(error("hdf5", {{"path", params["path"]}, {"test", (folder.path() / "b.hdf5").string()}}),
             Contains("another size than those of train"));
}
