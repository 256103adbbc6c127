#include "../pictures.hpp"
#include "../safetensors_file.hpp"
#include "drawing.hpp"
#include "list.hpp"
using namespace saddle;
namespace fs = std::filesystem;

// Colour pictures of the emoji, drawn from Noto Color Emoji: about 3,600 in the 9 groups of Unicode. A set
// that every Debian machine can make for itself: it stands in for CIFAR10, and is a few-shot set.
class EmojiSet {
 public:
  static Description describe() {
    return {
        .name = "emoji",
        .doc =
            "About 3,600 emoji as colour pictures on white, drawn from Debian's fonts-noto-color-emoji, in "
            "the 9 "
            "groups of Unicode's emoji-test.txt. Split train is about five sixths, test the rest; skin-tone "
            "copies of one emoji are in the same split.",
        .params = {
            param("size", 32).at_least(8).at_most(136).doc("side in pixels: 16, 32, 64 or 128 in our grids"),
            param("no_tones", false).doc("leave the copies in skin tones out: about half as many pictures"),
            param("group", "all")
                .one_of(groups())
                .doc("one group alone, 68 to 1,840 pictures for training, without labels: a few-shot set"),
            param("font", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
                .doc("a font of colour bitmaps"),
            param("list", "/usr/share/unicode/emoji/emoji-test.txt").doc("Unicode's list"),
            param("cache", "")
                .doc("folder for the drawn pictures; empty: the data folder, or the user's "
                     "cache folder where that cannot be written")}};
  }

  explicit EmojiSet(const Builder& b)
      : size_(b.get<int>("size")), group_(b.get<std::string>("group")), no_tones_(b.get<bool>("no_tones")) {
    const fs::path font = b.get<std::string>("font"), list = b.get<std::string>("list");
    const std::string source = source_of({font, list});
    const std::string name = "emoji-" + std::to_string(size_) + ".safetensors";
    for (const fs::path& folder : cache_folders(b))
      if (load(folder / name, source)) return;
    const files::Safetensors drawn = draw(font, list, source);
    keep(drawn);
    for (const fs::path& folder : cache_folders(b))
      if (files::write_safetensors(folder / name, drawn)) return;
  }

  DatasetInfo info() const {
    files::Fingerprint f;
    train_.fingerprint(f);
    test_.fingerprint(f);
    DatasetInfo info{.shape = {3, size_, size_},
                     .splits = {{"train", train_.size()}, {"test", test_.size()}},
                     .version = f.text(),
                     .concurrent = true};
    if (group_ != kAll) return info;
    std::string names;
    for (const char* group : emoji::kGroups)
      names += (names.empty() ? "\"" : ", \"") + std::string(group) + '"';
    info.classes = std::size(emoji::kGroups);
    info.facts = "{\"class_names\": [" + names + "]}";
    return info;
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    (split == 0 ? train_ : test_).copy(indices, samples, labels);
  }

 private:
  static constexpr const char* kAll = "all";
  static std::vector<std::string> groups() {
    std::vector<std::string> list = {kAll};
    list.insert(list.end(), std::begin(emoji::kGroups), std::end(emoji::kGroups));
    return list;
  }

  // Which drawing it is: another font or list makes another set. The two files are not hashed, since that
  // costs more than reading the cache.
  static std::string source_of(const std::vector<fs::path>& sources) {
    files::Fingerprint f;
    for (const fs::path& file : sources) {
      std::error_code error;
      const auto bytes = fs::file_size(file, error);
      f.add(file.string()).add(error ? 0 : static_cast<uint64_t>(bytes));
      f.add(static_cast<uint64_t>(fs::last_write_time(file, error).time_since_epoch().count()));
    }
    return f.text();
  }

  static std::vector<fs::path> cache_folders(const Builder& b) {
    if (const auto given = b.get<std::string>("cache"); !given.empty()) return {given};
    std::vector<fs::path> folders;
    if (b.has_fact("data_folder")) folders.push_back(fs::path(b.fact<std::string>("data_folder")) / "emoji");
    const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
    if (cache && *cache)
      folders.push_back(fs::path(cache) / "saddle" / "emoji");
    else if (home && *home)
      folders.push_back(fs::path(home) / ".cache" / "saddle" / "emoji");
    return folders;
  }

  // About one in six, the same for all tones of an emoji.
  static bool is_test(const std::vector<char32_t>& base) {
    files::Fingerprint f;
    for (const char32_t c : base) f.add(static_cast<uint64_t>(c));
    return std::stoull(f.text(), nullptr, 16) % 6 == 0;
  }

  files::Safetensors draw(const fs::path& font_file, const fs::path& list_file,
                          const std::string& source) const {
    emoji::Font font(font_file);
    files::StoredTensor images{"U8", {}, {}}, labels{"U8", {}, {}}, tones{"U8", {}, {}}, tests{"U8", {}, {}};
    for (const emoji::Emoji& e : emoji::read_list(list_file)) {
      const auto picture = font.draw(e.sequence, size_);
      if (!picture) continue;
      images.bytes.insert(images.bytes.end(), picture->begin(), picture->end());
      labels.bytes.push_back(static_cast<uint8_t>(e.group));
      tones.bytes.push_back(e.tone);
      tests.bytes.push_back(is_test(e.base));
    }
    const auto n = static_cast<int64_t>(labels.bytes.size());
    if (n == 0) throw Error(font_file.string() + ": the font has none of the emoji of " + list_file.string());
    images.shape = {n, 3, size_, size_};
    labels.shape = tones.shape = tests.shape = {n};
    return {{{"images", images}, {"labels", labels}, {"tones", tones}, {"tests", tests}},
            {{"source", source}}};
  }

  // False when there is no drawing of this source there; a damaged one is drawn again.
  bool load(const fs::path& file, const std::string& source) {
    if (!fs::exists(file)) return false;
    try {
      const files::Safetensors cached = files::read_safetensors(file, "");
      if (cached.metadata.at("source") != source) return false;
      const auto& shape = cached.tensors.at("images").shape;
      if (shape.size() != 4 || shape[1] != 3 || shape[2] != size_ || shape[3] != size_) return false;
      for (const char* part : {"labels", "tones", "tests"})
        if (cached.tensors.at(part).shape != std::vector<int64_t>{shape[0]}) return false;
      keep(cached);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  void keep(const files::Safetensors& all) {
    const auto& labels = all.tensors.at("labels").bytes;
    const size_t bytes = 3 * static_cast<size_t>(size_) * static_cast<size_t>(size_);
    train_.sample_bytes = test_.sample_bytes = bytes;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (no_tones_ && all.tensors.at("tones").bytes[i]) continue;
      if (group_ != kAll && group_ != emoji::kGroups[labels[i]]) continue;
      Pictures& split = all.tensors.at("tests").bytes[i] ? test_ : train_;
      const auto* picture = all.tensors.at("images").bytes.data() + i * bytes;
      split.samples.insert(split.samples.end(), picture, picture + bytes);
      if (group_ == kAll) split.labels.push_back(labels[i]);
    }
    if (train_.size() + test_.size() == 0) throw Error("the list has no emoji of the group " + group_);
  }

  int size_;
  std::string group_;
  bool no_tones_;
  Pictures train_, test_;
};
SADDLE_DATASET(EmojiSet)
