#include "pictures.hpp"
using namespace saddle;

namespace {
constexpr const char* kRemedy =
    "Expected are the four files of MNIST (train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte), plain or with .gz: "
    "https://storage.googleapis.com/cvdf-datasets/mnist/ or "
    "https://github.com/zalandoresearch/fashion-mnist; set "
    "the parameter `path` to their folder";

// One IDX array of bytes: two zeros, type 8 (unsigned byte), the number of
// dimensions, each size as a big-endian 32-bit number, then the elements.
struct Array {
  std::vector<int64_t> sizes;
  std::vector<uint8_t> elements;
};

std::string hex(std::span<const uint8_t> bytes) {
  std::string out;
  char two[4];
  for (const uint8_t b : bytes) {
    std::snprintf(two, sizeof two, "%02x", b);
    out += (out.empty() ? "" : " ") + std::string(two);
  }
  return out.empty() ? "nothing" : out;
}

Array read_array(const std::filesystem::path& file, std::initializer_list<int> dims) {
  std::vector<uint8_t> bytes = files::read(file, kRemedy);
  const size_t dim = bytes.size() < 4 ? 0 : bytes[3];
  if (bytes.size() < 4 || bytes[0] || bytes[1] || bytes[2] != 8 ||
      std::find(dims.begin(), dims.end(), static_cast<int>(dim)) == dims.end()) {
    std::string expected;
    for (const int d : dims) expected += (expected.empty() ? "" : " or ") + hex({{0, 0, 8, uint8_t(d)}});
    files::fail(file,
                "the file begins with " + hex(std::span(bytes).first(std::min<size_t>(4, bytes.size()))) +
                    ", an IDX file of bytes with " + expected,
                kRemedy);
  }
  const size_t head = 4 + 4 * dim;
  if (bytes.size() < head) files::fail(file, "the file ends within its header", kRemedy);
  Array array;
  std::string shape;
  double product = 1;  // sizes are 32 bits wide: four of them overflow 64 bits, but not this
  for (size_t d = 0; d < dim; ++d) {
    const uint8_t* p = bytes.data() + 4 + 4 * d;
    const int64_t n = (int64_t{p[0]} << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
    array.sizes.push_back(n);
    product *= static_cast<double>(n);
    shape += (d ? " x " : "") + std::to_string(n);
  }
  if (product == 0) files::fail(file, "the file holds nothing: its sizes are " + shape, kRemedy);
  if (product != static_cast<double>(bytes.size() - head))
    files::fail(file,
                std::to_string(bytes.size() - head) + " bytes of data found, but its sizes are " + shape +
                    ": the file is cut off or damaged",
                kRemedy);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(head));
  array.elements = std::move(bytes);
  return array;
}

// The file under one of its usual names; empty when there is none.
std::filesystem::path find(const std::filesystem::path& folder, const std::string& stem,
                           std::initializer_list<int> dims) {
  for (const char* suffix : {"", ".gz"})
    for (const int d : dims)
      for (const char* separator : {"-", "."}) {
        auto file = folder / (stem + separator + "idx" + std::to_string(d) + "-ubyte" + suffix);
        if (std::filesystem::exists(file)) return file;
      }
  return {};
}
}  // namespace

// The format of MNIST (LeCun et al. 1998), used by many sets of its kind.
class Idx {
 public:
  static Description describe() {
    return {.name = "idx",
            .doc =
                "Pictures in MNIST's format (IDX), plain or gzip-compressed: train-images-idx3-ubyte and its "
                "kin; also Fashion-MNIST, KMNIST. Four-dimensional files (idx4) hold colour, [n, c, h, w] or "
                "[n, h, w, c] with 1 or 3 channels. Split train, and test where there are t10k files.",
            .params = {param("path", "").doc("folder of the files; empty: mnist/ in the data folder"),
                       param("labels", true).doc("read the label files; false: a set without classes")}};
  }

  explicit Idx(const Builder& b) {
    const std::filesystem::path folder = files::locate(b, "mnist");
    const bool labels = b.get<bool>("labels");
    splits_.push_back(read_split(folder, "train", labels));
    // A test part is welcome, not needed; one without its labels is a mistake.
    if (!find(folder, "t10k-images", {3, 4}).empty()) splits_.push_back(read_split(folder, "t10k", labels));
    files::Fingerprint f;
    for (const int64_t n : shape_) f.add(static_cast<uint64_t>(n));
    for (const Pictures& split : splits_) {
      split.fingerprint(f);
      for (const uint8_t label : split.labels) classes_ = std::max<int64_t>(classes_, label + 1);
    }
    version_ = f.text();
  }

  DatasetInfo info() const {
    DatasetInfo info{.shape = shape_, .classes = classes_, .version = version_, .concurrent = true};
    for (const Pictures& split : splits_)
      info.splits.push_back({info.splits.empty() ? "train" : "test", split.size()});
    return info;
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    splits_.at(split).copy(indices, samples, labels);
  }

 private:
  Pictures read_split(const std::filesystem::path& folder, const std::string& name, bool with_labels) {
    const auto file = find(folder, name + "-images", {3, 4});
    if (file.empty()) files::fail(folder / (name + "-images-idx3-ubyte"), "there is no such file", kRemedy);
    Array images = read_array(file, {3, 4});
    Pictures split;
    const std::vector<int64_t> shape = to_channels_first(images, file);
    if (shape_.empty()) shape_ = shape;
    if (shape != shape_) files::fail(file, "the pictures are of another size than those of train", kRemedy);
    split.sample_bytes = static_cast<size_t>(shape[0] * shape[1] * shape[2]);
    split.samples = std::move(images.elements);
    if (!with_labels) return split;
    const auto label_file = find(folder, name + "-labels", {1});
    if (label_file.empty())
      files::fail(folder / (name + "-labels-idx1-ubyte"),
                  "there is no such file (set the parameter `labels` to false for a set without)", kRemedy);
    split.labels = read_array(label_file, {1}).elements;
    if (static_cast<int64_t>(split.labels.size()) != split.size())
      files::fail(label_file,
                  std::to_string(split.labels.size()) + " labels found for " + std::to_string(split.size()) +
                      " pictures",
                  kRemedy);
    return split;
  }

  static std::vector<int64_t> to_channels_first(Array& images, const std::filesystem::path& file) {
    const std::vector<int64_t>& n = images.sizes;
    if (n.size() == 3) return {1, n[1], n[2]};
    if (n[1] == 1 || n[1] == 3) return {n[1], n[2], n[3]};
    if (n[3] != 1 && n[3] != 3)
      files::fail(file, "neither the second nor the last of its four sizes is 1 or 3, the number of channels",
                  kRemedy);
    const auto pixels = static_cast<size_t>(n[1] * n[2]), channels = static_cast<size_t>(n[3]);
    std::vector<uint8_t> planes(images.elements.size());
    for (size_t i = 0; i < static_cast<size_t>(n[0]); ++i)
      for (size_t p = 0; p < pixels; ++p)
        for (size_t c = 0; c < channels; ++c)
          planes[(i * channels + c) * pixels + p] = images.elements[(i * pixels + p) * channels + c];
    images.elements = std::move(planes);
    return {n[3], n[1], n[2]};
  }

  std::vector<int64_t> shape_;
  std::vector<Pictures> splits_;
  int64_t classes_ = 0;
  std::string version_;
};
SADDLE_DATASET(Idx)
