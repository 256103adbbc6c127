#include "files.hpp"

#include <array>
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
// Line i of a file of the right form: pixel p is (i + p) % 17, the label i % 10.
std::string lines(int count, const char* end = "\n") {
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (int p = 0; p < 64; ++p) text += std::to_string((i + p) % 17) + ",";
    text += std::to_string(i % 10) + end;
  }
  return text;
}
Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }
}  // namespace

TEST_CASE("digits reads 1,797 lines of 64 pixels and a label", "[digits]") {
  const Folder folder;
  folder.write_gz("digits.csv.gz", bytes(lines(1797)));
  const Dataset digits(plugin("digits"), {{"path", folder.string()}}, {});
  CHECK(digits.shape() == std::vector<int64_t>{1, 8, 8});
  CHECK(digits.info().classes == 10);
  CHECK(digits.info().dtype == SADDLE_UINT8);
  REQUIRE(digits.info().split_count == 2);
  CHECK(std::string(digits.info().splits[0].name) == "train");
  CHECK(digits.info().splits[0].size == 1500);
  CHECK(std::string(digits.info().splits[1].name) == "test");
  CHECK(digits.info().splits[1].size == 297);

  std::vector<int64_t> labels;
  const auto train = digits.read<uint8_t>(0, {1499, 3}, &labels);
  CHECK(labels == std::vector<int64_t>{9, 3});
  for (int p = 0; p < 64; ++p) {
    CHECK(train[static_cast<size_t>(p)] == std::lround((1499 + p) % 17 * 255 / 16.0));
    CHECK(train[static_cast<size_t>(64 + p)] == std::lround((3 + p) % 17 * 255 / 16.0));
  }
  digits.read<uint8_t>(1, {0, 296}, &labels);
  CHECK(labels == std::vector<int64_t>{0, 6});  // lines 1500 and 1796
  CHECK_THROWS_WITH(digits.read<uint8_t>(1, {297}), Contains("297"));
}

TEST_CASE("digits is the same data plain, compressed, and with other ends of line", "[digits]") {
  const Folder folder;
  folder.write_gz("digits.csv.gz", bytes(lines(1797)));
  folder.write("plain.csv", lines(1797));
  folder.write("dos.csv", lines(1797, "\r\n"));
  folder.write("other.csv", "1" + lines(1797).substr(1));
  const auto version = [&](const std::string& name) {
    const Dataset d(plugin("digits"), {{"path", (folder.path() / name).string()}}, {});
    return std::string(d.info().version);
  };
  CHECK(version("digits.csv.gz") == version("plain.csv"));
  CHECK(version("dos.csv") == version("plain.csv"));
  CHECK(version("other.csv") != version("plain.csv"));
}

TEST_CASE("digits is looked for in the data folder, and says so when it is missing", "[digits]") {
  const Folder folder;
  const json facts = {{"data_folder", folder.string()}};
  CHECK_THAT(error("digits", {}, facts),
             Contains((folder.path() / "digits/digits.csv.gz").string() + ": there is no such file") &&
                 Contains("scikit-learn"));
  fs::create_directories(folder.path() / "digits");
  folder.write_gz("digits/digits.csv.gz", bytes(lines(1797)));
  CHECK_NOTHROW(Dataset(plugin("digits"), json::object(), facts));
  CHECK_NOTHROW(Dataset(plugin("digits"), {{"path", "digits"}}, facts));  // relative to the data folder
}

TEST_CASE("a damaged digits file is named with the place", "[digits]") {
  const Folder folder;
  const auto broken = [&](const std::string& text) {
    folder.write("d.csv", text);
    return error("digits", {{"path", (folder.path() / "d.csv").string()}});
  };
  CHECK_THAT(broken(""), Contains("0 images found, 1797 expected"));
  CHECK_THAT(broken(lines(1796)), Contains("1796 images found, 1797 expected"));
  CHECK_THAT(broken("17" + lines(1797).substr(1)), Contains("d.csv:1: column 1 "));
  CHECK_THAT(broken(lines(2) + "x" + lines(1795)), Contains("d.csv:3: column 1 "));
  CHECK_THAT(broken(lines(1797).substr(0, 40)), Contains("d.csv:1: column "));
  CHECK_THAT(broken(lines(1) + lines(1).substr(0, lines(1).size() - 1) + ",7\n"),
             Contains("d.csv:2: more than 65 columns"));
  CHECK_THAT(broken("-1" + lines(1797).substr(1)), Contains("d.csv:1: column 1 "));

  folder.write_gz("cut.gz", bytes(lines(1797)));
  folder.cut("cut.gz", fs::file_size(folder.path() / "cut.gz") - 20);
  CHECK_THAT(error("digits", {{"path", (folder.path() / "cut.gz").string()}}),
             Contains("cut.gz: ") && Contains("ends too early"));
}

// The real file, where `./saddle build` has fetched it.
TEST_CASE("digits holds what UCI's set is known to hold", "[digits]") {
  if (!fs::exists(std::string(SADDLE_TEST_DATA) + "/digits/digits.csv.gz")) {
    WARN("skipped: no digits.csv.gz in " SADDLE_TEST_DATA "/digits (./saddle build fetches it)");
    return;
  }
  const Dataset digits(plugin("digits"), {}, {{"data_folder", SADDLE_TEST_DATA}});
  std::array<int, 10> counts{};
  double sum = 0;
  for (uint32_t split = 0; split < 2; ++split) {
    std::vector<int64_t> labels;
    for (const uint8_t v : digits.read<uint8_t>(split, first(split == 0 ? 1500 : 297), &labels)) sum += v;
    for (const int64_t label : labels) ++counts[static_cast<size_t>(label)];
  }
  CHECK(counts == std::array{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
  // The mean of the raw pixels is 4.884165 (numpy, on scikit-learn's load_digits().data).
  CHECK(sum / (1797 * 64) == Approx(4.884165 * 255 / 16).margin(0.1));
}
