#include "pictures.hpp"

#include <charconv>
#include <cmath>
using namespace saddle;

namespace {
constexpr const char* kRemedy =
    "The set is part of the scikit-learn wheel (sklearn/datasets/data/digits.csv.gz): `./saddle build` "
    "fetches "
    "it, or set the parameter `path` to the file or its folder";
constexpr int64_t kPixels = 64, kImages = 1797, kTrain = 1500;
}  // namespace

// Optical recognition of handwritten digits (Alpaydin and Kaynak 1998, UCI), the
// 1,797 images of the original's test part, as scikit-learn ships them.
class Digits {
 public:
  static Description describe() {
    return {
        .name = "digits",
        .doc =
            "1,797 handwritten digits of 8 x 8 pixels, 17 grey levels, 10 classes (UCI, Alpaydin and "
            "Kaynak 1998). The file is ordered by writer: split train is its first 1,500 images, test "
            "the last 297, so most writers of one are not in the other.",
        .params = {param("path", "").doc("digits.csv.gz or its folder; empty: digits/ in the data folder")}};
  }

  explicit Digits(const Builder& b) {
    std::filesystem::path file = files::locate(b, "digits/digits.csv.gz");
    if (std::filesystem::is_directory(file)) file /= "digits.csv.gz";
    const std::vector<uint8_t> text = files::read(file, kRemedy);
    const char* at = reinterpret_cast<const char*>(text.data());
    const char* const end = at + text.size();
    for (int64_t line = 1; at != end; ++line) at = parse_line(at, end, file, line);
    if (train_.size() + test_.size() != kImages)
      files::fail(file, std::to_string(train_.size() + test_.size()) + " images found, 1797 expected",
                  kRemedy);
    files::Fingerprint f;
    train_.fingerprint(f);
    test_.fingerprint(f);
    version_ = f.text();
  }

  DatasetInfo info() const {
    return {.shape = {1, 8, 8},
            .classes = 10,
            .splits = {{"train", train_.size()}, {"test", test_.size()}},
            .version = version_,
            .concurrent = true};
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    (split == 0 ? train_ : test_).copy(indices, samples, labels);
  }

 private:
  // 64 pixels from 0 to 16, then the label, separated by commas.
  const char* parse_line(const char* at, const char* end, const std::filesystem::path& file, int64_t line) {
    Pictures& split = line <= kTrain ? train_ : test_;
    split.sample_bytes = kPixels;
    for (int64_t column = 0; column <= kPixels; ++column) {
      const bool is_label = column == kPixels;
      double v = -1;
      const auto [next, error] = std::from_chars(at, end, v);
      if (error != std::errc() || !(v >= 0) || v > (is_label ? 9 : 16) || v != static_cast<int>(v) ||
          (!is_label && (next == end || *next != ',')))
        files::fail(file.string() + ":" + std::to_string(line),
                    "column " + std::to_string(column + 1) +
                        " is not as expected: 64 pixels from 0 to 16, then the label from 0 to 9",
                    kRemedy);
      // The brightest is 255: v * 255 / 16, rounded to the nearest.
      if (is_label)
        split.labels.push_back(static_cast<uint8_t>(v));
      else
        split.samples.push_back(static_cast<uint8_t>(std::lround(v * 255 / 16)));
      at = is_label ? next : next + 1;
    }
    if (at != end && *at == '\r') ++at;
    if (at != end && *at != '\n')
      files::fail(file.string() + ":" + std::to_string(line), "more than 65 columns", kRemedy);
    return at == end ? at : at + 1;
  }
  Pictures train_, test_;
  std::string version_;
};
SADDLE_DATASET(Digits)
