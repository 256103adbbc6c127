#include "picture_set.hpp"
using namespace saddle;

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
            param("size", 32)
                .at_least(0)
                .at_most(4096)
                .doc("height and width after resizing; 0: those of the pictures, all squares of one size"),
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

  explicit ImageFolder(const Builder& b) : set_(open(b)) {}
  DatasetInfo info() const { return set_.info(); }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    set_.fill(split, indices, samples, labels);
  }

 private:
  static PictureSet open(const Builder& b) {
    const auto channels = b.get<int64_t>("channels");
    if (channels == 2) throw Error("channels is 2, expected is 1 (grey) or 3 (RGB)");
    const bool named = !b.get<std::string>("path").empty();
    return {scan(named ? files::locate(b, "") : "", b.get<double>("test_share")), channels,
            b.get<int64_t>("size"), filter_named(b.get<std::string>("filter")),
            b.get<size_t>("cache_mb") << 20};
  }
  PictureSet set_;
};
SADDLE_DATASET(ImageFolder)
