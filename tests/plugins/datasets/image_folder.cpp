#include "files.hpp"

#include <thread>
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
json params(const Folder& folder, json more = json::object()) {
  more["path"] = folder.string();
  return more;
}
Bytes picture(const std::string& name) {
  for (const json& one : reference().at("pictures"))
    if (one["name"] == name) return from_base64(one["file"]);
  throw std::runtime_error("no picture " + name);
}
// [channels, size, size] as [size, size, channels].
std::vector<int> interleaved(const std::vector<uint8_t>& planes, size_t channels) {
  const size_t pixels = planes.size() / channels;
  std::vector<int> out(planes.size());
  for (size_t c = 0; c < channels; ++c)
    for (size_t p = 0; p < pixels; ++p) out[p * channels + c] = planes[c * pixels + p];
  return out;
}
int furthest(const std::vector<int>& a, const std::vector<int>& b) {
  REQUIRE(a.size() == b.size());
  int most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}
}  // namespace

TEST_CASE("image_folder decodes every form of PNG and JPEG as the reference does", "[image_folder]") {
  for (const json& one : reference().at("pictures")) {
    CAPTURE(one["name"]);
    const Folder folder;
    folder.write(one["name"], from_base64(one["file"]));
    const Dataset set(plugin("image_folder"), params(folder, {{"size", 8}}), {});
    CHECK(set.info().classes == 0);
    CHECK(furthest(interleaved(set.read<uint8_t>(0, {0}), 3), one["rgb"].get<std::vector<int>>()) <=
          one["tolerance"].get<int>());
  }
}

TEST_CASE("image_folder resizes the central square as Pillow does", "[image_folder]") {
  const json& resized = reference().at("resized");
  const Folder folder;
  folder.write("a.png", from_base64(resized["file"]));
  for (const json& one : resized.at("cases")) {
    CAPTURE(one["filter"], one["size"]);
    const bool grey = one.contains("grey");
    const json more = {{"size", one["size"]}, {"filter", one["filter"]}, {"channels", grey ? 1 : 3}};
    const Dataset set(plugin("image_folder"), params(folder, more), {});
    const auto out = interleaved(set.read<uint8_t>(0, {0}), grey ? 1 : 3);
    CHECK(furthest(out, one[grey ? "grey" : "rgb"].get<std::vector<int>>()) <= 1);
  }
}

TEST_CASE("image_folder of size 0 takes squares of one size as they are", "[image_folder]") {
  const Folder folder;
  folder.write("a.png", picture("rgb.png"));
  const auto read = [&](int size) {
    const Dataset set(plugin("image_folder"), params(folder, {{"size", size}}), {});
    CHECK(set.shape() == std::vector<int64_t>{3, 8, 8});
    return set.read<uint8_t>(0, {0});
  };
  CHECK(read(0) == read(8));
  folder.write("b.png", from_base64(reference().at("resized")["file"]));  // 13 x 10
  const Dataset set(plugin("image_folder"), params(folder, {{"size", 0}}), {});
  CHECK_THROWS_WITH(set.read<uint8_t>(0, {1}),
                    Contains("b.png: this picture is 13 x 10") && Contains("say which `size`"));
}

TEST_CASE("sub-folders are classes, in the order of their names", "[image_folder]") {
  const Folder folder;
  for (const char* name : {"zebra/1.png", "ant/2.png", "ant/deeper/0.png", "ant/1.png", "Bee/x.PNG"})
    folder.write(name, picture("rgb.png"));
  folder.write("ant/notes.txt", std::string("not a picture"));
  folder.write("ant/.hidden.png", std::string("not a picture"));
  folder.write(".git/x.png", std::string("not a picture"));
  const Dataset set(plugin("image_folder"), params(folder, {{"size", 8}}), {});
  CHECK(set.info().classes == 3);
  CHECK(set.facts().at("class_names") == json({"Bee", "ant", "zebra"}));
  CHECK(set.info().splits[0].size == 5);
  std::vector<int64_t> labels;
  set.read<uint8_t>(0, first(5), &labels);
  CHECK(labels == std::vector<int64_t>{0, 1, 1, 1, 2});
}

TEST_CASE("test_share takes the same share of every class", "[image_folder]") {
  const Folder folder;
  for (int i = 0; i < 20; ++i) {
    folder.write("a/" + std::to_string(100 + i) + ".png", picture("rgb.png"));
    if (i < 8) folder.write("b/" + std::to_string(i) + ".png", picture("alpha.png"));
  }
  const Dataset set(plugin("image_folder"), params(folder, {{"size", 8}, {"test_share", 0.25}}), {});
  REQUIRE(set.info().split_count == 2);
  CHECK(set.info().splits[0].size == 21);
  CHECK(set.info().splits[1].size == 7);
  std::vector<int64_t> labels;
  set.read<uint8_t>(1, first(7), &labels);
  CHECK(labels == std::vector<int64_t>{0, 0, 0, 0, 0, 1, 1});
}

TEST_CASE("folders train and test are splits", "[image_folder]") {
  const Folder folder;
  folder.write("train/a/1.png", picture("rgb.png"));
  folder.write("train/b/1.png", picture("rgb.png"));
  folder.write("test/b/1.png", picture("alpha.png"));
  {
    const Dataset set(plugin("image_folder"), params(folder, {{"size", 8}}), {});
    CHECK(set.info().classes == 2);
    CHECK(set.info().splits[1].size == 1);
    std::vector<int64_t> labels;
    set.read<uint8_t>(1, {0}, &labels);
    CHECK(labels == std::vector<int64_t>{1});
  }
  CHECK_THAT(error("image_folder", params(folder, {{"test_share", 0.5}})), Contains("test_share"));
  folder.write("test/c/1.png", picture("alpha.png"));
  CHECK_THAT(error("image_folder", params(folder)), Contains("test/c: train has no such class"));
}

TEST_CASE("what image_folder holds does not depend on the cache or on threads", "[image_folder]") {
  const Folder folder;
  const auto& pictures = reference().at("pictures");
  for (const json& one : pictures) folder.write(one["name"], from_base64(one["file"]));
  const auto n = static_cast<int64_t>(pictures.size());
  const Dataset kept(plugin("image_folder"), params(folder, {{"size", 16}}), {});
  const Dataset decoded(plugin("image_folder"), params(folder, {{"size", 16}, {"cache_mb", 0}}), {});
  const auto expected = decoded.read<uint8_t>(0, first(n));
  CHECK(kept.info().concurrent == 1);
  std::vector<std::vector<uint8_t>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 20; ++repeat) result = kept.read<uint8_t>(0, first(n));
    });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == expected);
}

TEST_CASE("the version of a folder changes with its files", "[image_folder]") {
  const Folder folder;
  const auto version = [&] {
    const Dataset set(plugin("image_folder"), params(folder), {});
    return std::string(set.info().version);
  };
  folder.write("a.png", picture("rgb.png"));
  const auto before = version();
  CHECK(version() == before);
  folder.write("b.png", picture("rgb.png"));
  CHECK(version() != before);
}

TEST_CASE("image_folder names a damaged picture", "[image_folder]") {
  const std::string name = GENERATE("rgb.png", "plain.jpg", "progressive.jpeg", "interlaced.png");
  CAPTURE(name);
  const Folder folder;
  const auto reading = [&] {
    const Dataset set(plugin("image_folder"), params(folder, {{"size", 8}}), {});
    set.read<uint8_t>(0, {0});
  };
  Bytes bytes = picture(name);
  folder.write(name, bytes);
  CHECK_NOTHROW(reading());
  // Cut anywhere. A JPEG may lack its last two bytes, the end mark: its picture is whole.
  const size_t whole = name.ends_with("png") ? bytes.size() - 1 : bytes.size() - 3;
  for (const size_t size : {whole, bytes.size() / 2, size_t{30}, size_t{5}, size_t{2}, size_t{1}}) {
    CAPTURE(size);
    folder.write(name, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK_THROWS_WITH(reading(), Contains((folder.path() / name).string() + ": "));
  }
  folder.write(name, std::string("GIF89a, whatever its name says"));
  CHECK_THROWS_WITH(reading(), Contains(name + ": the file is neither PNG nor JPEG"));
  if (name.ends_with("png")) {
    bytes[bytes.size() / 2] ^= 0x55;  // CRC
    folder.write(name, bytes);
    CHECK_THROWS_WITH(reading(), Contains(name + ": not a whole PNG picture"));
  }
}

TEST_CASE("image_folder says what is wrong with a folder", "[image_folder]") {
  const Folder folder;
  const json here = params(folder);
  CHECK_THAT(error("image_folder", {{"path", ""}}), Contains("no folder was named"));
  CHECK_THAT(error("image_folder", {{"path", folder.string() + "/none"}}),
             Contains("none: there is no such folder"));
  CHECK_THAT(error("image_folder", here), Contains(folder.string() + ": there is no .png"));
  folder.write("a.png", picture("rgb.png"));
  CHECK_THAT(error("image_folder", {{"path", folder.string() + "/a.png"}}), Contains("not a folder"));
  CHECK_THAT(error("image_folder", params(folder, {{"channels", 2}})), Contains("channels is 2"));
  CHECK_THAT(error("image_folder", params(folder, {{"test_share", 0.5}})), Contains("without pictures"));
  folder.write("cats/b.png", picture("rgb.png"));
  CHECK_THAT(error("image_folder", here), Contains("a.png") && Contains("cats"));
  fs::remove(folder.path() / "a.png");
  folder.write("cats/empty.png", Bytes{});
  CHECK_THAT(error("image_folder", here), Contains("empty.png: the file is empty"));
}
