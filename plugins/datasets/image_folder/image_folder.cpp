#include "folder.hpp"
#include "image.hpp"

#include <atomic>
using namespace saddle;

namespace {

Image decode(const std::filesystem::path& path) {
  constexpr const char* kRemedy = "Restore the file, or take it out of the folder";
  std::FILE* in = std::fopen(path.c_str(), "rb");
  if (!in) files::fail(path, std::string("the file cannot be opened: ") + std::strerror(errno), kRemedy);
  std::vector<uint8_t> bytes;
  size_t n = 1 << 16;
  while (n == 1 << 16) {
    const size_t at = bytes.size();
    bytes.resize(at + (1 << 16));
    n = std::fread(bytes.data() + at, 1, 1 << 16, in);
    bytes.resize(at + n);
  }
  std::fclose(in);
  // What the file is, not what its name says.
  constexpr uint8_t png[] = {0x89, 'P', 'N', 'G'}, jpeg[] = {0xff, 0xd8};
  try {
    if (bytes.size() >= 4 && std::equal(png, png + 4, bytes.begin())) return decode_png(bytes);
    if (bytes.size() >= 2 && std::equal(jpeg, jpeg + 2, bytes.begin())) return decode_jpeg(bytes);
  } catch (const Error& e) {
    files::fail(path, e.what(), kRemedy);
  }
  files::fail(path, "the file is neither PNG nor JPEG", kRemedy);
}

// Decoded pictures, each kept from when it is first wanted. Used by many threads at once: whoever comes first
// keeps its copy.
class Cache {
 public:
  Cache(size_t count, size_t bytes) : bytes_(bytes), data_(new uint8_t[count * bytes]), state_(count) {}
  const uint8_t* find(size_t i) const {
    return state_[i].load(std::memory_order_acquire) == kReady ? data_.get() + i * bytes_ : nullptr;
  }
  void keep(size_t i, const uint8_t* sample) {
    uint8_t expected = kEmpty;
    if (!state_[i].compare_exchange_strong(expected, kBusy, std::memory_order_relaxed)) return;
    std::copy_n(sample, bytes_, data_.get() + i * bytes_);
    state_[i].store(kReady, std::memory_order_release);
  }

 private:
  static constexpr uint8_t kEmpty = 0, kBusy = 1, kReady = 2;
  size_t bytes_;
  std::unique_ptr<uint8_t[]> data_;  // not touched before use, so it costs no memory before
  std::vector<std::atomic<uint8_t>> state_;
};

}  // namespace

// Any folder of pictures.
class ImageFolder {
 public:
  static Description describe() {
    return {
        .name = "image_folder",
        .doc =
            "PNG and JPEG pictures of a folder; its sub-folders are the classes, in the order of their names "
            "(none: no labels). Folders train and test are the splits where both exist. The central square "
            "is "
            "resized with an antialiasing filter; transparent parts are laid on white; EXIF rotation and "
            "colour "
            "profiles are ignored. The version of the data covers names and sizes of all files.",
        .params = {
            param("path", "").doc("the folder; relative to the current folder or to the data folder"),
            param("size", 32).at_least(1).at_most(4096).doc("height and width after resizing"),
            param("channels", 3).at_least(1).at_most(3).doc("3: RGB; 1: grey (ITU-R 601 luma)"),
            param("filter", "bicubic")
                .one_of({"box", "bilinear", "bicubic", "lanczos"})
                .doc("of the resizing; changes Frechet distances, so compare only what has the same"),
            param("test_share", 0.0)
                .at_least(0)
                .below(1)
                .doc("share of each class, spread evenly over its sorted names, that becomes split test"),
            param("cache_mb", 1024)
                .at_least(0)
                .doc("keep decoded pictures in memory if all of them fit in this many MiB; else decode each "
                     "time")}};
  }

  explicit ImageFolder(const Builder& b)
      : size_(b.get<int64_t>("size")),
        channels_(b.get<int64_t>("channels")),
        filter_(filter_named(b.get<std::string>("filter"))) {
    if (channels_ == 2) throw Error("channels is 2, expected is 1 (grey) or 3 (RGB)");
    const bool named = !b.get<std::string>("path").empty();
    folder_ = scan(named ? files::locate(b, "") : "", b.get<double>("test_share"));
    size_t count = 0;
    for (const auto& split : folder_.splits) count += split.size();
    if (count * sample_bytes() <= b.get<size_t>("cache_mb") << 20)
      for (const auto& split : folder_.splits)
        caches_.push_back(std::make_unique<Cache>(split.size(), sample_bytes()));
  }

  DatasetInfo info() const {
    DatasetInfo info{.shape = {channels_, size_, size_},
                     .classes = static_cast<int64_t>(folder_.classes.size()),
                     .version = folder_.version,
                     .concurrent = true};
    for (const auto& split : folder_.splits)
      info.splits.push_back({info.splits.empty() ? "train" : "test", static_cast<int64_t>(split.size())});
    if (!folder_.classes.empty()) info.facts = "{\"class_names\": " + detail::text(folder_.classes) + "}";
    return info;
  }

  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    const auto& pictures = folder_.splits.at(split);
    auto* to = static_cast<uint8_t*>(samples);
    for (const int64_t i : indices) {
      const PictureFile& file = pictures.at(static_cast<size_t>(i));
      write(split, static_cast<size_t>(i), file.path, to);
      to += sample_bytes();
      if (labels) *labels++ = file.label;
    }
  }

 private:
  size_t sample_bytes() const { return static_cast<size_t>(channels_ * size_ * size_); }

  void write(uint32_t split, size_t i, const std::filesystem::path& path, uint8_t* to) const {
    Cache* cache = caches_.empty() ? nullptr : caches_[split].get();
    if (const uint8_t* kept = cache ? cache->find(i) : nullptr) {
      std::copy_n(kept, sample_bytes(), to);
      return;
    }
    const Image image = resize_square(to_channels(decode(path), channels_), size_, filter_);
    const auto pixels = static_cast<size_t>(size_ * size_), channels = static_cast<size_t>(channels_);
    for (size_t c = 0; c < channels; ++c)
      for (size_t p = 0; p < pixels; ++p) to[c * pixels + p] = image.pixels[p * channels + c];
    if (cache) cache->keep(i, to);
  }

  int64_t size_, channels_;
  Filter filter_;
  Folder folder_;
  std::vector<std::unique_ptr<Cache>> caches_;
};
SADDLE_DATASET(ImageFolder)
