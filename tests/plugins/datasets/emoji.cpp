#include "files.hpp"

#include <set>
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
const fs::path kFont = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";

// Three plain emoji, a sequence with its two skin tones, a flag, and lines that count for nothing.
const std::string kList =
    "# emoji-test.txt\n\n# group: Smileys & Emotion\n# subgroup: face-smiling\n"
    "1F600                ; fully-qualified     # 😀 E1.0 grinning face\n"
    "263A FE0F            ; fully-qualified     # ☺️ E0.6 smiling face\n"
    "263A                 ; unqualified         # ☺ E0.6 smiling face\n"
    "# group: People & Body\n"
    "1F468 200D 1F33E       ; fully-qualified # farmer\n"
    "1F468 1F3FB 200D 1F33E ; fully-qualified # farmer: light\n"
    "1F468 1F3FF 200D 1F33E ; fully-qualified # farmer: dark\n"
    "# group: Component\n1F3FB ; component # tone\n"
    "# group: Flags\n1F1EB 1F1F7 ; fully-qualified # flag: France\n";

std::vector<uint8_t> all(const Dataset& set, uint32_t split, std::vector<int64_t>* labels) {
  return set.read<uint8_t>(split, first(set.info().splits[split].size), labels);
}
}  // namespace

TEST_CASE("emoji are drawn, grouped and split by what they are without tones", "[emoji]") {
  REQUIRE(fs::exists(kFont));  // ./saddle installs it
  const Folder folder;
  folder.write("list.txt", kList);
  const json params = {
      {"list", (folder.path() / "list.txt").string()}, {"cache", folder.string()}, {"size", 16}};
  const Dataset set(plugin("emoji"), params, {});
  CHECK(set.shape() == std::vector<int64_t>{3, 16, 16});
  CHECK(set.info().classes == 9);
  CHECK(set.facts().at("class_names").at(8) == "Flags");
  std::map<int64_t, std::set<int>> splits_of;
  std::map<int64_t, int> count;
  for (const uint32_t split : {0u, 1u}) {
    std::vector<int64_t> labels;
    const auto pixels = all(set, split, &labels);
    for (size_t i = 0; i < labels.size(); ++i) {
      ++count[labels[i]];
      splits_of[labels[i]].insert(static_cast<int>(split));
      const uint8_t* picture = pixels.data() + i * 768;
      CHECK(picture[0] == 255);  // a white corner
      std::set<uint8_t> values(picture, picture + 768);
      CHECK(values.size() > 20);
    }
  }
  CHECK(count == std::map<int64_t, int>{{0, 2}, {1, 3}, {8, 1}});
  CHECK(splits_of[1].size() == 1);  // the farmer's copies are together

  // From the cache: the same pictures. Another list: drawn again.
  REQUIRE(fs::exists(folder.path() / "emoji-16.safetensors"));
  const Dataset again(plugin("emoji"), params, {});
  CHECK(all(again, 0, nullptr) == all(set, 0, nullptr));
  CHECK(std::string(again.info().version) == set.info().version);
  folder.cut("emoji-16.safetensors", 500);
  CHECK(all(Dataset(plugin("emoji"), params, {}), 0, nullptr) == all(set, 0, nullptr));
  json plain = params;
  plain["no_tones"] = true;
  const Dataset without(plugin("emoji"), plain, {});
  CHECK(without.info().splits[0].size + without.info().splits[1].size == 4);

  // One group: its pictures in its order, without labels.
  json people = params;
  people["group"] = "People & Body";
  const Dataset group(plugin("emoji"), people, {});
  CHECK(group.info().classes == 0);
  CHECK_FALSE(group.facts().contains("class_names"));
  for (const uint32_t split : {0u, 1u}) {
    std::vector<int64_t> labels;
    const auto pixels = all(set, split, &labels);
    std::vector<uint8_t> expected;
    for (size_t i = 0; i < labels.size(); ++i)
      if (labels[i] == 1)
        expected.insert(expected.end(), pixels.begin() + static_cast<std::ptrdiff_t>(i * 768),
                        pixels.begin() + static_cast<std::ptrdiff_t>((i + 1) * 768));
    CHECK(all(group, split, nullptr) == expected);
  }
  CHECK(group.info().splits[0].size + group.info().splits[1].size == 3);
}

TEST_CASE("the French flag is blue, white and red from the left", "[emoji]") {
  const Folder folder;
  folder.write("list.txt", "# group: Flags\n1F1EB 1F1F7 ; fully-qualified # flag: France\n");
  const Dataset set(
      plugin("emoji"),
      {{"list", (folder.path() / "list.txt").string()}, {"cache", folder.string()}, {"size", 64}}, {});
  const uint32_t split = set.info().splits[0].size ? 0 : 1;
  const auto pixels = set.read<uint8_t>(split, {0});
  const auto at = [&](int c, int x) {
    return static_cast<int>(pixels[static_cast<size_t>((c * 64 + 32) * 64 + x)]);
  };
  CHECK(at(2, 12) > at(0, 12) + 60);
  CHECK(std::min({at(0, 32), at(1, 32), at(2, 32)}) > 180);
  CHECK(at(0, 52) > at(2, 52) + 60);
}

TEST_CASE("what is wrong with emoji's files is said", "[emoji]") {
  const Folder folder;
  const auto params = [&](const json& more) {
    json all = {{"list", (folder.path() / "list.txt").string()}, {"cache", folder.string()}};
    all.update(more);
    return all;
  };
  CHECK_THAT(error("emoji", params(json::object())),
             Contains("list.txt: there is no such file") && Contains("unicode-data"));
  folder.write("list.txt", "# group: Flags\nZZZ ; fully-qualified # none\n");
  CHECK_THAT(error("emoji", params(json::object())),
             Contains("list.txt:2: code points in hexadecimal were expected"));
  folder.write("list.txt", "nothing\n");
  CHECK_THAT(error("emoji", params(json::object())), Contains("no fully qualified emoji"));
  folder.write("list.txt", kList);
  CHECK_THAT(error("emoji", params({{"group", "Objects"}})),
             Contains("the list has no emoji of the group Objects"));
  CHECK_THAT(error("emoji", params({{"font", (folder.path() / "none.ttf").string()}})),
             Contains("none.ttf: there is no such file") && Contains("fonts-noto-color-emoji"));
  CHECK_THAT(error("emoji", params({{"font", (folder.path() / "list.txt").string()}})),
             Contains("this is no font that FreeType can read"));
}
