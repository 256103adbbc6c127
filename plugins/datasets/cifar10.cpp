#include "pictures.hpp"
using namespace saddle;

namespace {
constexpr const char* kRemedy =
    "Expected is the binary version of CIFAR-10 (data_batch_1.bin to data_batch_5.bin and test_batch.bin), "
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz, unpacked; set the parameter `path` to its "
    "folder";
constexpr size_t kPixels = 3 * 32 * 32, kRecord = 1 + kPixels;
}  // namespace

// CIFAR-10 (Krizhevsky 2009). A record is the label and then the planes of red,
// green and blue, row by row: [3, 32, 32] as it stands.
class Cifar10 {
 public:
  static Description describe() {
    return {.name = "cifar10",
            .doc =
                "CIFAR-10 (Krizhevsky 2009), binary version: 50,000 pictures for train and 10,000 for test, "
                "32 x 32 RGB, 10 classes.",
            .params = {param("path", "")
                           .doc("folder of the .bin files, or of cifar-10-batches-bin; empty: cifar10/ in "
                                "the data folder")}};
  }

  explicit Cifar10(const Builder& b) {
    std::filesystem::path folder = files::locate(b, "cifar10");
    if (std::filesystem::is_directory(folder / "cifar-10-batches-bin")) folder /= "cifar-10-batches-bin";
    for (int i = 1; i <= 5; ++i) append(train_, folder / ("data_batch_" + std::to_string(i) + ".bin"));
    append(test_, folder / "test_batch.bin");
    files::Fingerprint f;
    train_.fingerprint(f);
    test_.fingerprint(f);
    version_ = f.text();
  }

  DatasetInfo info() const {
    return {
        .shape = {3, 32, 32},
        .classes = 10,
        .splits = {{"train", train_.size()}, {"test", test_.size()}},
        .version = version_,
        .facts =
            R"({"class_names": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", )"
            R"("ship", "truck"]})",
        .concurrent = true};
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    (split == 0 ? train_ : test_).copy(indices, samples, labels);
  }

 private:
  static void append(Pictures& split, const std::filesystem::path& file) {
    const std::vector<uint8_t> bytes = files::read(file, kRemedy);
    if (bytes.empty() || bytes.size() % kRecord != 0)
      files::fail(
          file,
          std::to_string(bytes.size()) +
              " bytes are not a whole number of records of 3073 bytes: the file is cut off or damaged",
          kRemedy);
    split.sample_bytes = kPixels;
    split.samples.reserve(split.samples.size() + bytes.size());
    for (size_t at = 0; at < bytes.size(); at += kRecord) {
      if (bytes[at] > 9)
        files::fail(file,
                    "record " + std::to_string(at / kRecord) + " has the label " + std::to_string(bytes[at]) +
                        ", expected is 0 to 9",
                    kRemedy);
      split.labels.push_back(bytes[at]);
      const auto* pixels = bytes.data() + at + 1;
      split.samples.insert(split.samples.end(), pixels, pixels + kPixels);
    }
  }
  Pictures train_, test_;
  std::string version_;
};
SADDLE_DATASET(Cifar10)
