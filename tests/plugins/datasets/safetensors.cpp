#include "files.hpp"
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
Bytes file_of(const json& header, const Bytes& data) {
  const std::string text = header.dump();
  Bytes out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<uint8_t>(text.size() >> (8 * i)));
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}
json entry(const std::string& dtype, const std::vector<int64_t>& shape, size_t begin, size_t end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}
Bytes counting(size_t n) {
  Bytes out(n);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(i);
  return out;
}
}  // namespace

TEST_CASE("safetensors gives pictures, labels and both splits", "[safetensors]") {
  const Folder folder;
  Bytes data = counting(36);                                               // 2 and 1 pictures of 3 x 2 x 2
  const Bytes more = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};  // I64 {3, 0}, U8 {1}
  data.insert(data.end(), more.begin(), more.end());
  folder.write("a.safetensors", file_of({{"images", entry("U8", {2, 3, 2, 2}, 0, 24)},
                                         {"test_images", entry("U8", {1, 3, 2, 2}, 24, 36)},
                                         {"labels", entry("I64", {2}, 36, 52)},
                                         {"test_labels", entry("U8", {1}, 52, 53)},
                                         {"__metadata__", {{"from", "a test"}}}},
                                        data));
  const Dataset set(plugin("safetensors"), {{"path", (folder.path() / "a.safetensors").string()}}, {});
  CHECK(set.shape() == std::vector<int64_t>{3, 2, 2});
  CHECK(set.info().dtype == SADDLE_UINT8);
  CHECK(set.info().classes == 4);
  CHECK(set.info().splits[0].size == 2);
  CHECK(set.info().splits[1].size == 1);
  std::vector<int64_t> labels;
  CHECK(set.read<uint8_t>(0, {1}, &labels)[0] == 12);
  CHECK(labels == std::vector<int64_t>{0});
  CHECK(set.read<uint8_t>(1, {0}, &labels)[11] == 35);
  CHECK(labels == std::vector<int64_t>{1});
}

TEST_CASE("safetensors gives points", "[safetensors]") {
  const Folder folder;
  const float points[] = {1.5f, -2.0f, 3.0f, 4.25f};
  Bytes data(sizeof points);
  std::memcpy(data.data(), points, sizeof points);
  folder.write("p.safetensors", file_of({{"images", entry("F32", {2, 2}, 0, 16)}}, data));
  const Dataset set(plugin("safetensors"), {{"path", (folder.path() / "p.safetensors").string()}}, {});
  CHECK(set.shape() == std::vector<int64_t>{2});
  CHECK(set.info().dtype == SADDLE_FLOAT32);
  CHECK(set.info().classes == 0);
  CHECK(set.read<float>(0, {1}) == std::vector<float>{3.0f, 4.25f});
}

TEST_CASE("what is wrong with a safetensors file is said", "[safetensors]") {
  const Folder folder;
  const json params = {{"path", (folder.path() / "a.safetensors").string()}};
  const auto refused = [&](const json& header, size_t bytes) {
    folder.write("a.safetensors", file_of(header, counting(bytes)));
    return error("safetensors", params);
  };
  CHECK_THAT(error("safetensors", params), Contains("there is no such file"));
  folder.write("a.safetensors", Bytes{255, 255, 255, 255, 255, 255, 255, 127, 1});
  CHECK_THAT(error("safetensors", params), Contains("longer than the file"));
  folder.write("a.safetensors", Bytes{2, 0, 0, 0, 0, 0, 0, 0, '[', ']'});
  CHECK_THAT(error("safetensors", params), Contains("no JSON object"));
  CHECK_THAT(refused({{"images", entry("U8", {2, 3, 2, 2}, 0, 24)}}, 20),
             Contains("\"images\" does not fit the file"));
  CHECK_THAT(refused({{"images", entry("U8", {int64_t{1} << 62, 4, 4, 4}, 0, 24)}}, 24),
             Contains("does not fit"));
  CHECK_THAT(refused({{"images", entry("U8", {-2, 3, 2, 2}, 0, 24)}}, 24), Contains("does not fit"));
  CHECK_THAT(refused({{"images", entry("U8", {2, 3, 2, 2}, 24, 0)}}, 24), Contains("does not fit"));
  CHECK_THAT(refused({{"pictures", entry("U8", {2, 3, 2, 2}, 0, 24)}}, 24), Contains("no tensor `images`"));
  CHECK_THAT(refused({{"images", entry("F32", {6, 1, 1, 1}, 0, 24)}}, 24),
             Contains("`images` is F32 of 4 dimensions"));
  CHECK_THAT(refused({{"images", entry("U8", {2, 3, 2, 2}, 0, 24)}, {"labels", entry("U8", {1}, 0, 1)}}, 24),
             Contains("`labels` is not of U8, I32 or I64 [2]"));
}
