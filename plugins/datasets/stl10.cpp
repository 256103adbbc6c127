#include "pictures.hpp"
using namespace saddle;
namespace fs = std::filesystem;

namespace {
constexpr const char* kRemedy =
    "Expected is the binary version of STL-10 (train_X.bin, train_y.bin, test_X.bin, test_y.bin and, if "
    "asked for, "
    "unlabeled_X.bin), http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz, unpacked; set the "
    "parameter `path` "
    "to its folder";
constexpr int64_t kSide = 96;
constexpr size_t kBytes = 3 * kSide * kSide;
}  // namespace

// STL-10 (Coates et al. 2011). A picture is three planes, each column by column.
class Stl10 {
 public:
  static Description describe() {
    return {.name = "stl10",
            .doc =
                "STL-10 (Coates et al. 2011), binary version: 5,000 labelled pictures of 10 classes for "
                "train, 8,000 for "
                "test, 96 x 96 RGB. With `unlabeled` split train is the 100,000 unlabelled and the 5,000 "
                "together, "
                "without labels, as GANs are trained on it.",
            .params = {
                param("path", "")
                    .doc("folder of the .bin files, or of stl10_binary; empty: stl10/ in the data folder"),
                param("size", 48)
                    .at_least(1)
                    .at_most(96)
                    .doc("side in pixels, a divisor of 96: averages over squares. SNGAN's is 48"),
                param("unlabeled", false).doc("add the unlabelled pictures to train, and leave labels out")}};
  }

  explicit Stl10(const Builder& b) : size_(b.get<int64_t>("size")), labelled_(!b.get<bool>("unlabeled")) {
    if (kSide % size_ != 0)
      throw Error("size is " + std::to_string(size_) +
                  ", expected is a divisor of 96: 96, 48, 32, 24, 16, 12 or 8");
    fs::path folder = files::locate(b, "stl10");
    if (fs::is_directory(folder / "stl10_binary")) folder /= "stl10_binary";
    append(train_, folder / "train_X.bin", labelled_ ? folder / "train_y.bin" : "");
    if (!labelled_) append(train_, folder / "unlabeled_X.bin", "");
    append(test_, folder / "test_X.bin", labelled_ ? folder / "test_y.bin" : "");
    files::Fingerprint f;
    train_.fingerprint(f);
    test_.fingerprint(f);
    version_ = f.text();
  }

  DatasetInfo info() const {
    return {
        .shape = {3, size_, size_},
        .classes = labelled_ ? 10 : 0,
        .splits = {{"train", train_.size()}, {"test", test_.size()}},
        .version = version_,
        .facts =
            labelled_
                ? R"({"class_names": ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", )"
                  R"("ship", "truck"]})"
                : "{}",
        .concurrent = true};
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    (split == 0 ? train_ : test_).copy(indices, samples, labels);
  }

 private:
  void append(Pictures& split, const fs::path& pictures, const fs::path& labels) {
    const std::vector<uint8_t> bytes = files::read(pictures, kRemedy);
    const size_t count = bytes.size() / kBytes;
    if (count == 0 || bytes.size() % kBytes != 0)
      files::fail(
          pictures,
          std::to_string(bytes.size()) +
              " bytes are not a whole number of pictures of 27648 bytes: the file is cut off or damaged",
          kRemedy);
    split.sample_bytes = static_cast<size_t>(3 * size_ * size_);
    split.samples.reserve(split.samples.size() + count * split.sample_bytes);
    for (size_t i = 0; i < count; ++i) add_picture(split, bytes.data() + i * kBytes);
    if (!labels.empty()) add_labels(split, labels, count);
  }

  // Rows and columns exchanged, and squares averaged.
  void add_picture(Pictures& split, const uint8_t* from) const {
    const int64_t block = kSide / size_;
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t y = 0; y < size_; ++y)
        for (int64_t x = 0; x < size_; ++x) {
          int64_t sum = 0;
          for (int64_t dy = 0; dy < block; ++dy)
            for (int64_t dx = 0; dx < block; ++dx)
              sum += from[c * kSide * kSide + (x * block + dx) * kSide + y * block + dy];
          split.samples.push_back(static_cast<uint8_t>((2 * sum + block * block) / (2 * block * block)));
        }
  }

  static void add_labels(Pictures& split, const fs::path& file, size_t count) {
    const std::vector<uint8_t> bytes = files::read(file, kRemedy);
    if (bytes.size() != count)
      files::fail(file, std::to_string(bytes.size()) + " labels for " + std::to_string(count) + " pictures",
                  kRemedy);
    for (size_t i = 0; i < count; ++i) {
      if (bytes[i] < 1 || bytes[i] > 10)
        files::fail(
            file, "label " + std::to_string(i) + " is " + std::to_string(bytes[i]) + ", expected is 1 to 10",
            kRemedy);
      split.labels.push_back(static_cast<uint8_t>(bytes[i] - 1));
    }
  }

  int64_t size_;
  bool labelled_;
  Pictures train_, test_;
  std::string version_;
};
SADDLE_DATASET(Stl10)
