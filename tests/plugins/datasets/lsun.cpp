// LSUN's LMDBs, made here with liblmdb and libwebp in the form in which they are published.
#include "files.hpp"
#include "lmdb.hpp"

#include <webp/encode.h>

#include <atomic>
#include <thread>
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {

// 12 x 8, without loss: pixel (x, y) is (10 x, 20 y, shade).
Bytes webp(int shade, bool alpha = false) {
  const int channels = alpha ? 4 : 3;
  Bytes pixels;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 12; ++x) {
      for (const int v : {10 * x, 20 * y, shade}) pixels.push_back(static_cast<uint8_t>(v));
      if (alpha) pixels.push_back(0);
    }
  uint8_t* file = nullptr;
  const size_t size = alpha ? WebPEncodeLosslessRGBA(pixels.data(), 12, 8, 12 * channels, &file)
                            : WebPEncodeLosslessRGB(pixels.data(), 12, 8, 12 * channels, &file);
  REQUIRE(size > 0);
  Bytes bytes(file, file + size);
  WebPFree(file);
  return bytes;
}

json params(const Folder& folder, json more = json::object()) {
  more["path"] = folder.string();
  if (!more.contains("size")) more["size"] = 8;
  return more;
}

// Of the third channel, which tells the pictures of webp() apart.
std::vector<int> shades(const Dataset& set, uint32_t split, int64_t n) {
  const auto bytes = set.read<uint8_t>(split, first(n));
  std::vector<int> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(bytes[static_cast<size_t>(i) * 192 + 128]);
  return all;
}

}  // namespace

TEST_CASE("lsun reads the pictures of its LMDBs in the order of their keys", "[lsun]") {
  const Folder folder;
  write_lmdb(folder.path() / "church_outdoor_train_lmdb",
             {{"0b", webp(2)}, {"0a", webp(1)}, {"ff", webp(3)}, {"fff", webp(4, true)}});
  write_lmdb(folder.path() / "church_outdoor_val_lmdb", {{"aa", webp(7)}});
  for (const int cache : {0, 1}) {
    const Dataset set(plugin("lsun"), params(folder, {{"cache_mb", cache}}), {});
    CHECK(set.info().classes == 0);
    REQUIRE(set.info().split_count == 2);
    CHECK(set.info().splits[0].size == 4);
    CHECK(set.info().splits[1].size == 1);
    CHECK(std::string(set.info().splits[1].name) == "test");
    CHECK(shades(set, 0, 4) == std::vector<int>{1, 2, 3, 255});  // transparent: white
    CHECK(shades(set, 1, 1) == std::vector<int>{7});
    // The central square of 8 x 8, as it is.
    const auto bytes = set.read<uint8_t>(0, {1});
    for (size_t y = 0; y < 8; ++y)
      for (size_t x = 0; x < 8; ++x) {
        REQUIRE(bytes[y * 8 + x] == 10 * (x + 2));
        REQUIRE(bytes[64 + y * 8 + x] == 20 * y);
      }
    std::vector<std::thread> threads;
    threads.reserve(4);
    std::atomic<int> wrong{0};
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) wrong += set.read<uint8_t>(0, {2})[128] != 3;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
  }
  // One LMDB by itself.
  json alone = params(folder);
  alone["path"] = (folder.path() / "church_outdoor_val_lmdb").string();
  CHECK(shades(Dataset(plugin("lsun"), alone, {}), 0, 1) == std::vector<int>{7});
}

TEST_CASE("several classes of lsun have labels, and objects one LMDB each", "[lsun]") {
  const Folder folder;
  write_lmdb(folder.path() / "bridge_train_lmdb", {{"a", webp(1)}, {"b", webp(2)}});
  write_lmdb(folder.path() / "cat", {{"a", webp(3)}});
  const json both = params(folder, {{"classes", "cat, bridge"}});
  const Dataset set(plugin("lsun"), both, {});
  CHECK(set.info().classes == 2);
  CHECK(set.info().split_count == 1);
  CHECK(set.facts().at("class_names") == json({"cat", "bridge"}));
  std::vector<int64_t> labels;
  set.read<uint8_t>(0, first(3), &labels);
  CHECK(labels == std::vector<int64_t>{0, 1, 1});
  CHECK(shades(set, 0, 3) == std::vector<int>{3, 1, 2});
  const std::string version = set.info().version;
  write_lmdb(folder.path() / "cat", {{"z", webp(3)}});
  CHECK(Dataset(plugin("lsun"), both, {}).info().version != version);
}

TEST_CASE("lsun's pictures may be JPEG", "[lsun]") {
  for (const json& one : reference().at("pictures")) {
    const std::string name = one["name"];
    if (!name.ends_with(".jpg")) continue;
    const Folder folder;
    folder.write(name, from_base64(one["file"]));
    write_lmdb(folder.path() / "church_outdoor_train_lmdb", {{"a", from_base64(one["file"])}});
    const json small = params(folder);
    CHECK(Dataset(plugin("lsun"), small, {}).read<uint8_t>(0, {0}) ==
          Dataset(plugin("image_folder"), small, {}).read<uint8_t>(0, {0}));
  }
}

TEST_CASE("lsun says what is wrong with its files", "[lsun]") {
  const Folder folder;
  json config = params(folder);
  CHECK_THAT(error("lsun", config),
             Contains("church_outdoor_train_lmdb: there is no data.mdb in such a folder, nor in ") &&
                 Contains("https://github.com/fyu/lsun"));
  config["path"] = folder.string() + "/nowhere";
  CHECK_THAT(error("lsun", config), Contains("nowhere: there is no such folder"));
  config = params(folder);
  config["classes"] = "cat,,dog";
  CHECK_THAT(error("lsun", config), Contains("classes is \"cat,,dog\""));
  config["classes"] = "cat";
  folder.write("cat/data.mdb", std::string(100000, 'x'));
  CHECK_THAT(error("lsun", config), Contains("cat/data.mdb: this is no whole LMDB: "));
  folder.write("cat/data.mdb", std::string());
  CHECK_THAT(error("lsun", config), Contains("cat/data.mdb: "));
  fs::remove(folder.path() / "cat" / "data.mdb");
  write_lmdb(folder.path() / "cat", {});
  CHECK_THAT(error("lsun", config), Contains("cat/data.mdb: it has no entries"));

  Bytes broken = webp(1);
  broken.resize(broken.size() - 20);
  write_lmdb(folder.path() / "cat", {{"bad", broken}, {"text", Bytes{'h', 'e', 'l', 'l', 'o'}}});
  const Dataset set(plugin("lsun"), config, {});
  const auto reading = [&](int64_t i) {
    try {
      set.read<uint8_t>(0, {i});
    } catch (const std::runtime_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK_THAT(reading(0), Contains("cat/data.mdb: the entry bad: not a whole WebP picture. Restore"));
  CHECK_THAT(reading(1), Contains("the entry text: it is neither WebP, JPEG nor PNG"));

  const auto whole = fs::file_size(folder.path() / "cat" / "data.mdb");
  folder.cut("cat/data.mdb", whole - 4096);
  CHECK_THAT(error("lsun", config),
             Contains("cat/data.mdb: the file is cut short: " + std::to_string(whole - 4096) + " bytes of"));
}
