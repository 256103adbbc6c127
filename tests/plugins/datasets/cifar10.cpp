#include "files.hpp"
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
// Record i: label (i + first) % 10, red all `i`, green 100 + i, blue counting.
Bytes batch(int count, int first) {
  Bytes out;
  for (int i = 0; i < count; ++i) {
    out.push_back(static_cast<uint8_t>((i + first) % 10));
    out.insert(out.end(), 1024, static_cast<uint8_t>(i + first));
    out.insert(out.end(), 1024, static_cast<uint8_t>(100 + i + first));
    for (int p = 0; p < 1024; ++p) out.push_back(static_cast<uint8_t>(p));
  }
  return out;
}
void write_all(const Folder& folder, const std::string& below) {
  for (int b = 1; b <= 5; ++b)
    folder.write(below + "data_batch_" + std::to_string(b) + ".bin", batch(2, 2 * b));
  folder.write(below + "test_batch.bin", batch(3, 30));
}
}  // namespace

TEST_CASE("cifar10 joins five batches and keeps planes of red, green, blue", "[cifar10]") {
  const std::string below = GENERATE("", "cifar-10-batches-bin/");
  const Folder folder;
  write_all(folder, below);
  const Dataset set(plugin("cifar10"), {{"path", folder.string()}}, {});
  CHECK(set.shape() == std::vector<int64_t>{3, 32, 32});
  CHECK(set.info().classes == 10);
  CHECK(set.info().splits[0].size == 10);
  CHECK(set.info().splits[1].size == 3);
  CHECK(set.facts().at("class_names").at(9) == "truck");
  std::vector<int64_t> labels;
  const auto samples = set.read<uint8_t>(0, {9, 0}, &labels);  // 11 and 2 in the counting of `batch`
  CHECK(labels == std::vector<int64_t>{1, 2});
  CHECK(samples[0] == 11);
  CHECK(samples[1023] == 11);
  CHECK(samples[1024] == 111);
  CHECK(samples[2048 + 33] == 33);  // row 1, column 1 of blue
  CHECK(samples[3072] == 2);
  CHECK(set.read<uint8_t>(1, {2})[0] == 32);
}

TEST_CASE("a missing or damaged file of cifar10 is named", "[cifar10]") {
  const Folder folder;
  write_all(folder, "");
  const json params = {{"path", folder.string()}};
  fs::remove(folder.path() / "data_batch_4.bin");
  CHECK_THAT(error("cifar10", params),
             Contains("data_batch_4.bin: there is no such file") && Contains("https://"));
  folder.write("data_batch_4.bin", batch(2, 0));
  folder.cut("data_batch_4.bin", 6145);
  CHECK_THAT(error("cifar10", params),
             Contains("data_batch_4.bin: 6145 bytes are not a whole number of records"));
  folder.cut("data_batch_4.bin", 0);
  CHECK_THAT(error("cifar10", params), Contains("data_batch_4.bin: 0 bytes"));
  Bytes wrong = batch(2, 0);
  wrong[3073] = 10;
  folder.write("data_batch_4.bin", wrong);
  CHECK_THAT(error("cifar10", params), Contains("data_batch_4.bin: record 1 has the label 10"));
}
