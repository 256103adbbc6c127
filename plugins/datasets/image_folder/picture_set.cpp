#include "picture_set.hpp"

namespace saddle {
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

struct Files : Pictures {
  explicit Files(Folder from) : folder(std::move(from)) {
    classes = folder.classes;
    version = folder.version;
    for (const auto& split : folder.splits) sizes.push_back(split.size());
  }
  Image decode(uint32_t split, size_t i) const override {
    return saddle::decode(folder.splits.at(split).at(i).path);
  }
  int64_t label(uint32_t split, size_t i) const override { return folder.splits.at(split).at(i).label; }
  std::string name(uint32_t split, size_t i) const override {
    return folder.splits.at(split).at(i).path.string();
  }
  Folder folder;
};

}  // namespace

PictureSet::PictureSet(Folder folder, int64_t channels, int64_t size, Filter filter, size_t cache_bytes)
    : PictureSet(std::make_unique<Files>(std::move(folder)), channels, size, filter, cache_bytes) {}

PictureSet::PictureSet(std::unique_ptr<const Pictures> pictures, int64_t channels, int64_t size,
                       Filter filter, size_t cache_bytes)
    : pictures_(std::move(pictures)),
      channels_(channels),
      size_(size),
      as_they_are_(size == 0),
      filter_(filter) {
  if (as_they_are_) size_ = side_of(pictures_->decode(0, 0), 0, 0);
  size_t count = 0;
  for (const size_t n : pictures_->sizes) count += n;
  if (count * sample_bytes() > cache_bytes) return;
  for (const size_t n : pictures_->sizes) caches_.push_back(std::make_unique<Cache>(n, sample_bytes()));
}

DatasetInfo PictureSet::info() const {
  DatasetInfo info{.shape = {channels_, size_, size_},
                   .classes = static_cast<int64_t>(pictures_->classes.size()),
                   .version = pictures_->version,
                   .concurrent = true};
  for (const size_t n : pictures_->sizes)
    info.splits.push_back({info.splits.empty() ? "train" : "test", static_cast<int64_t>(n)});
  if (!pictures_->classes.empty()) info.facts = "{\"class_names\": " + detail::text(pictures_->classes) + "}";
  return info;
}

void PictureSet::fill(uint32_t split, std::span<const int64_t> indices, void* samples,
                      int64_t* labels) const {
  auto* to = static_cast<uint8_t*>(samples);
  for (const int64_t i : indices) {
    write(split, static_cast<size_t>(i), to);
    to += sample_bytes();
    if (labels) *labels++ = pictures_->label(split, static_cast<size_t>(i));
  }
}

void PictureSet::write(uint32_t split, size_t i, uint8_t* to) const {
  Cache* cache = caches_.empty() ? nullptr : caches_[split].get();
  if (const uint8_t* kept = cache ? cache->find(i) : nullptr) {
    std::copy_n(kept, sample_bytes(), to);
    return;
  }
  const Image decoded = pictures_->decode(split, i);
  if (as_they_are_ && side_of(decoded, split, i) != size_)
    throw Error(pictures_->name(split, i) + ": this picture's side is " + std::to_string(decoded.width) +
                ", that of " + pictures_->name(0, 0) + " " + std::to_string(size_) +
                ". With size 0 all have to have the same: say which `size` they are resized to");
  const Image image = resize_square(to_channels(decoded, channels_), size_, filter_);
  const auto pixels = static_cast<size_t>(size_ * size_), channels = static_cast<size_t>(channels_);
  for (size_t c = 0; c < channels; ++c)
    for (size_t p = 0; p < pixels; ++p) to[c * pixels + p] = image.pixels[p * channels + c];
  if (cache) cache->keep(i, to);
}

int64_t PictureSet::side_of(const Image& image, uint32_t split, size_t i) const {
  if (image.width != image.height || image.width > 4096)
    throw Error(
        pictures_->name(split, i) + ": this picture is " + std::to_string(image.width) + " x " +
        std::to_string(image.height) +
        ". Size 0 is for squares of one size, of at most 4096: say which `size` pictures are resized to");
  return image.width;
}

const uint8_t* PictureSet::Cache::find(size_t i) const {
  return state_[i].load(std::memory_order_acquire) == kReady ? data_.get() + i * bytes_ : nullptr;
}

void PictureSet::Cache::keep(size_t i, const uint8_t* sample) {
  uint8_t expected = kEmpty;
  if (!state_[i].compare_exchange_strong(expected, kBusy, std::memory_order_relaxed)) return;
  std::copy_n(sample, bytes_, data_.get() + i * bytes_);
  state_[i].store(kReady, std::memory_order_release);
}

}  // namespace saddle
