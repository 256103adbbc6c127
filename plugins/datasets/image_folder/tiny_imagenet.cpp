#include "picture_set.hpp"
using namespace saddle;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRemedy =
    "Expected is Tiny ImageNet as it is published, http://cs231n.stanford.edu/tiny-imagenet-200.zip, "
    "unpacked; set "
    "the parameter `path` to its folder";

std::vector<std::string> lines_of(const fs::path& file) {
  const std::vector<uint8_t> content = files::read(file, kRemedy);
  std::vector<std::string> lines(1);
  for (const uint8_t c : content) {
    if (c == '\n')
      lines.emplace_back();
    else if (c != '\r')
      lines.back() += static_cast<char>(c);
  }
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

// wnids.txt names the classes; train/WNID/images holds 500 pictures each; val/val_annotations.txt says of the
// pictures in val/images which class they are.
Folder scan_tiny(const fs::path& root) {
  Folder out;
  files::Fingerprint f;
  out.classes = lines_of(root / "wnids.txt");
  std::sort(out.classes.begin(), out.classes.end());
  out.splits.resize(2);
  const auto add = [&](int split, const fs::path& picture, size_t label) {
    out.splits[static_cast<size_t>(split)].push_back({picture, static_cast<int64_t>(label)});
    f.add(picture.lexically_relative(root).generic_string())
        .add(static_cast<uint64_t>(fs::file_size(picture)));
  };
  for (size_t label = 0; label < out.classes.size(); ++label) {
    const fs::path folder = root / "train" / out.classes[label] / "images";
    if (!fs::is_directory(folder)) files::fail(folder, "there is no such folder", kRemedy);
    std::vector<fs::path> pictures;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".JPEG") pictures.push_back(entry.path());
    if (pictures.empty()) files::fail(folder, "there is no .JPEG file in it", kRemedy);
    std::sort(pictures.begin(), pictures.end());
    for (const fs::path& picture : pictures) add(0, picture, label);
  }
  const fs::path annotations = root / "val" / "val_annotations.txt";
  for (size_t line = 0; const std::string& text : lines_of(annotations)) {
    ++line;
    const size_t tab = text.find('\t'), end = text.find('\t', tab + 1);
    const std::string name = text.substr(0, tab);
    const std::string wnid = tab == std::string::npos ? "" : text.substr(tab + 1, end - tab - 1);
    const auto found = std::lower_bound(out.classes.begin(), out.classes.end(), wnid);
    if (found == out.classes.end() || *found != wnid)
      files::fail(annotations.string() + ":" + std::to_string(line),
                  "the second column is \"" + wnid + "\", which wnids.txt does not name", kRemedy);
    const fs::path picture = root / "val" / "images" / name;
    if (!fs::exists(picture)) files::fail(picture, "there is no such file", kRemedy);
    add(1, picture, static_cast<size_t>(found - out.classes.begin()));
  }
  out.version = f.text();
  return out;
}

}  // namespace

// Tiny ImageNet (Stanford CS231n): 200 classes of ImageNet at 64 x 64.
class TinyImageNet {
 public:
  static Description describe() {
    return {
        .name = "tiny_imagenet",
        .doc =
            "Tiny ImageNet: 200 classes, 100,000 pictures of 64 x 64 for train; split test is its validation "
            "part "
            "of 10,000, since its test part has no labels.",
        .params = {
            param("path", "").doc("the folder with wnids.txt; empty: tiny-imagenet-200/ in the data folder"),
            param("cache_mb", 2048)
                .at_least(0)
                .doc("keep decoded pictures in memory if all of them fit in this many MiB (1,290 are "
                     "needed)")}};
  }
  explicit TinyImageNet(const Builder& b)
      : set_(scan_tiny(files::locate(b, "tiny-imagenet-200")), 3, 64, Filter::bicubic,
             b.get<size_t>("cache_mb") << 20) {}
  DatasetInfo info() const { return set_.info(); }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    set_.fill(split, indices, samples, labels);
  }

 private:
  PictureSet set_;
};
SADDLE_DATASET(TinyImageNet)
