#include "lmdb_file.hpp"
#include "picture_set.hpp"
using namespace saddle;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRemedy =
    "Expected are LSUN's LMDBs as they are published (https://github.com/fyu/lsun, download.py), unpacked: "
    "folders such as church_outdoor_train_lmdb; set the parameter `path` to what holds them, and `classes`";

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> names(1);
  for (const char c : list)
    if (c == ',')
      names.emplace_back();
    else if (c != ' ')
      names.back() += c;
  for (const std::string& name : names)
    if (name.empty() || name.find('/') != std::string::npos)
      throw Error("classes is \"" + list +
                  "\"; expected are names with commas between: church_outdoor,bedroom");
  return names;
}

bool is_lmdb(const fs::path& folder) { return fs::is_regular_file(folder / "data.mdb"); }

class Lsun : public Pictures {
 public:
  Lsun(const fs::path& root, const std::string& list) {
    sizes.assign(1, 0);
    splits_.resize(1);
    if (is_lmdb(root)) {
      add(0, root, 0);
    } else {
      if (!fs::is_directory(root)) files::fail(root, "there is no such folder", kRemedy);
      classes = words(list);
      for (size_t label = 0; label < classes.size(); ++label) {
        const std::string& name = classes[label];
        // The scenes have parts; the objects, such as cat, are one LMDB each.
        const fs::path train = root / (name + "_train_lmdb"), val = root / (name + "_val_lmdb");
        if (!is_lmdb(train) && !is_lmdb(root / name))
          files::fail(train, "there is no data.mdb in such a folder, nor in " + (root / name).string(),
                      kRemedy);
        add(0, is_lmdb(train) ? train : root / name, label);
        if (is_lmdb(val)) add(1, val, label);
      }
      if (classes.size() == 1) classes.clear();
    }
    version = fingerprint_.text();
  }

  Image decode(uint32_t split, size_t i) const override {
    const Picture& picture = splits_.at(split).at(i);
    const LmdbFile& file = *files_[picture.file];
    const LmdbFile::Entry& entry = file.entries()[picture.entry];
    try {
      return decode(entry.value);
    } catch (const Error& e) {
      files::fail(file.folder() / "data.mdb", "the entry " + std::string(entry.key) + ": " + e.what(),
                  "Restore the file");
    }
  }
  int64_t label(uint32_t split, size_t i) const override { return splits_.at(split).at(i).label; }

 private:
  struct Picture {
    uint32_t file, entry;
    int32_t label;
  };

  static Image decode(std::span<const uint8_t> bytes) {
    const auto begins = [&](size_t at, std::string_view text) {
      return bytes.size() >= at + text.size() &&
             std::equal(text.begin(), text.end(), bytes.begin() + static_cast<ptrdiff_t>(at),
                        [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
    };
    if (begins(0, "RIFF") && begins(8, "WEBP")) return decode_webp(bytes);
    if (begins(0, "\xff\xd8")) return decode_jpeg(bytes);
    if (begins(0, "\x89PNG")) return decode_png(bytes);
    throw Error("it is neither WebP, JPEG nor PNG");
  }

  void add(size_t split, const fs::path& folder, size_t label) {
    if (split == splits_.size()) {
      splits_.emplace_back();
      sizes.push_back(0);
    }
    files_.push_back(std::make_unique<LmdbFile>(folder, kRemedy));
    const auto& entries = files_.back()->entries();
    if (entries.empty()) files::fail(folder / "data.mdb", "it has no entries", kRemedy);
    fingerprint_.add(static_cast<uint64_t>(split)).add(static_cast<uint64_t>(entries.size()));
    for (size_t i = 0; i < entries.size(); ++i) {
      splits_[split].push_back(
          {static_cast<uint32_t>(files_.size() - 1), static_cast<uint32_t>(i), static_cast<int32_t>(label)});
      fingerprint_.add(entries[i].key).add(static_cast<uint64_t>(entries[i].value.size()));
    }
    sizes[split] = splits_[split].size();
  }

  std::vector<std::unique_ptr<LmdbFile>> files_;
  std::vector<std::vector<Picture>> splits_;
  files::Fingerprint fingerprint_;
};

}  // namespace

class LsunSet {
 public:
  static Description describe() {
    return {
        .name = "lsun",
        .doc =
            "LSUN (Yu et al. 2015, arXiv:1506.03365) as it is published: an LMDB of WebP or JPEG pictures "
            "for "
            "each class and part. Split train is its part train (an object's only one), test its part val. "
            "The central square is resized with an antialiasing filter. Pictures are decoded where they lie; "
            "nobody may write to an LMDB meanwhile. The version of the data covers keys and sizes.",
        .params = {
            param("path", "")
                .doc("what holds the LMDBs' folders, or one of these; empty: lsun/ in the data folder"),
            param("classes", "church_outdoor").doc("names with commas between; with one there are no labels"),
            param("size", 64).at_least(1).at_most(4096).doc("height and width after resizing"),
            param("filter", "bicubic")
                .one_of({"box", "bilinear", "bicubic", "lanczos"})
                .doc("of the resizing; changes Frechet distances, so compare only what has the same"),
            param("cache_mb", 2048)
                .at_least(0)
                .doc("keep decoded pictures in memory if all of them fit in this many MiB; else decode each "
                     "time "
                     "(church_outdoor at 64: 1,480)")}};
  }
  explicit LsunSet(const Builder& b)
      : set_(std::make_unique<Lsun>(files::locate(b, "lsun"), b.get<std::string>("classes")), 3,
             b.get<int64_t>("size"), filter_named(b.get<std::string>("filter")),
             b.get<size_t>("cache_mb") << 20) {}
  DatasetInfo info() const { return set_.info(); }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    set_.fill(split, indices, samples, labels);
  }

 private:
  PictureSet set_;
};
SADDLE_DATASET(LsunSet)
