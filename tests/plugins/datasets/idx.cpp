#include "files.hpp"
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
// An IDX file: sizes as big-endian 32-bit numbers.
Bytes idx(const std::vector<uint32_t>& sizes, const Bytes& data) {
  Bytes out = {0, 0, 8, static_cast<uint8_t>(sizes.size())};
  for (const uint32_t n : sizes)
    for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<uint8_t>(n >> shift));
  out.insert(out.end(), data.begin(), data.end());
  return out;
}
Bytes counting(size_t n) {
  Bytes out;
  for (size_t i = 0; i < n; ++i) out.push_back(static_cast<uint8_t>(i * 7));
  return out;
}
// 300 pictures of 2 x 3 (300 needs two bytes, which tells big from little endian), labels i % 5.
Bytes train_images() { return idx({300, 2, 3}, counting(300 * 6)); }
Bytes labels(uint32_t n) {
  Bytes out;
  for (uint32_t i = 0; i < n; ++i) out.push_back(static_cast<uint8_t>(i % 5));
  return idx({n}, out);
}
}  // namespace

TEST_CASE("idx reads MNIST's four files, plain or compressed", "[idx]") {
  const bool compressed = GENERATE(false, true);
  const Folder folder;
  const auto write = [&](const std::string& name, const Bytes& bytes) {
    compressed ? folder.write_gz(name + ".gz", bytes) : folder.write(name, bytes);
  };
  write("train-images-idx3-ubyte", train_images());
  write("train-labels-idx1-ubyte", labels(300));
  write("t10k-images-idx3-ubyte", idx({2, 2, 3}, counting(12)));
  write("t10k-labels-idx1-ubyte", labels(2));
  const Dataset set(plugin("idx"), {{"path", folder.string()}}, {});
  CHECK(set.shape() == std::vector<int64_t>{1, 2, 3});
  CHECK(set.info().classes == 5);
  REQUIRE(set.info().split_count == 2);
  CHECK(set.info().splits[0].size == 300);
  CHECK(set.info().splits[1].size == 2);
  CHECK(std::string(set.info().splits[1].name) == "test");
  std::vector<int64_t> read_labels;
  const auto samples = set.read<uint8_t>(0, {299, 4}, &read_labels);
  CHECK(read_labels == std::vector<int64_t>{4, 4});
  for (size_t k = 0; k < 6; ++k) {
    CHECK(samples[k] == static_cast<uint8_t>((299 * 6 + k) * 7));
    CHECK(samples[6 + k] == static_cast<uint8_t>((4 * 6 + k) * 7));
  }
}

TEST_CASE("idx without test files or labels", "[idx]") {
  const Folder folder;
  folder.write("train-images.idx3-ubyte", train_images());  // another common spelling
  const json params = {{"path", folder.string()}, {"labels", false}};
  const Dataset set(plugin("idx"), params, {});
  CHECK(set.info().classes == 0);
  CHECK(set.info().split_count == 1);
  CHECK_THAT(error("idx", {{"path", folder.string()}}),
             Contains("train-labels-idx1-ubyte: there is no such file"));
}

TEST_CASE("idx4 is colour, channels first or last", "[idx]") {
  const Folder first_folder, last_folder;
  const Bytes planes = counting(2 * 3 * 4 * 5);  // [2, 3, 4, 5]
  Bytes interleaved(planes.size());              // [2, 4, 5, 3]
  for (size_t n = 0; n < 2; ++n)
    for (size_t c = 0; c < 3; ++c)
      for (size_t p = 0; p < 20; ++p) interleaved[(n * 20 + p) * 3 + c] = planes[(n * 3 + c) * 20 + p];
  first_folder.write("train-images-idx4-ubyte", idx({2, 3, 4, 5}, planes));
  last_folder.write("train-images-idx4-ubyte", idx({2, 4, 5, 3}, interleaved));
  for (const Folder* folder : {&first_folder, &last_folder}) {
    const Dataset set(plugin("idx"), {{"path", folder->string()}, {"labels", false}}, {});
    CHECK(set.shape() == std::vector<int64_t>{3, 4, 5});
    CHECK(set.read<uint8_t>(0, first(2)) == planes);
  }
  const Folder odd;
  odd.write("train-images-idx4-ubyte", idx({2, 4, 5, 2}, counting(80)));
  CHECK_THAT(error("idx", {{"path", odd.string()}, {"labels", false}}), Contains("number of channels"));
}

TEST_CASE("a damaged idx file is named", "[idx]") {
  const Folder folder;
  const auto broken = [&](const Bytes& images, const Bytes& label_bytes) {
    folder.write("train-images-idx3-ubyte", images);
    folder.write("train-labels-idx1-ubyte", label_bytes);
    return error("idx", {{"path", folder.string()}});
  };
  Bytes wrong = train_images();
  wrong[2] = 0x0d;  // float
  CHECK_THAT(broken(wrong, labels(300)),
             Contains("train-images-idx3-ubyte: the file begins with 00 00 0d 03"));
  CHECK_THAT(broken({}, labels(300)), Contains("begins with nothing"));
  CHECK_THAT(broken({0, 0, 8, 3, 0, 0}, labels(300)), Contains("ends within its header"));
  Bytes cut = train_images();
  cut.pop_back();
  CHECK_THAT(broken(cut, labels(300)), Contains("1799 bytes of data found") && Contains("300 x 2 x 3"));
  Bytes longer = train_images();
  longer.push_back(0);
  CHECK_THAT(broken(longer, labels(300)), Contains("1801 bytes of data found"));
  CHECK_THAT(broken(idx({0xffffffff, 0xffffffff, 0xffffffff}, {}), labels(300)), Contains("4294967295"));
  CHECK_THAT(broken(idx({0, 2, 3}, {}), labels(0)), Contains("holds nothing"));
  CHECK_THAT(broken(train_images(), labels(299)), Contains("299 labels found for 300 pictures"));
  CHECK_THAT(broken(train_images(), train_images()),
             Contains("train-labels-idx1-ubyte: the file begins with"));
  folder.write("t10k-images-idx3-ubyte", idx({1, 3, 3}, counting(9)));
  CHECK_THAT(broken(train_images(), labels(300)), Contains("t10k") && Contains("another size"));
}

TEST_CASE("a missing idx set says where it can be had", "[idx]") {
  const Folder folder;
  CHECK_THAT(
      error("idx", {}, {{"data_folder", folder.string()}}),
      Contains((folder.path() / "mnist/train-images-idx3-ubyte").string() + ": there is no such file") &&
          Contains("https://"));
}
