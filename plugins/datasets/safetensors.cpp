#include "pictures.hpp"
#include "safetensors_file.hpp"
using namespace saddle;

namespace {
constexpr const char* kRemedy =
    "Expected is a safetensors file with a tensor `images` of U8 [n, channels, height, width] (or F32 [n, "
    "size]: points), "
    "and, where there are labels, `labels` of U8, I32 or I64 [n]; `test_images` and `test_labels` are the "
    "split test. Set "
    "the parameter `path`";
}  // namespace

// Any set that somebody has written as safetensors.
class SafetensorsSet {
 public:
  static Description describe() {
    return {
        .name = "safetensors",
        .doc =
            "Pictures (uint8) or points (float32) and labels from a safetensors file: tensors images, "
            "labels, "
            "test_images, test_labels, of which only the first is a must.",
        .params = {param("path", "").doc("the file; relative to the current folder or to the data folder")}};
  }

  explicit SafetensorsSet(const Builder& b) {
    if (b.get<std::string>("path").empty()) throw Error(std::string("no file was named. ") + kRemedy);
    const std::filesystem::path file = files::locate(b, "");
    files::Safetensors content = files::read_safetensors(file, kRemedy);
    add(file, content, "images", "labels", train_);
    if (content.tensors.contains("test_images")) add(file, content, "test_images", "test_labels", test_);
    if (test_.size() > 0 && train_.labels.empty() != test_.labels.empty())
      files::fail(file, "labels are there for one split and not for the other", kRemedy);
    files::Fingerprint f;
    train_.fingerprint(f);
    test_.fingerprint(f);
    version_ = f.text();
  }

  DatasetInfo info() const {
    DatasetInfo info{.shape = shape_,
                     .dtype = points_ ? DType::float32 : DType::uint8,
                     .classes = classes_,
                     .splits = {{"train", train_.size()}},
                     .version = version_,
                     .concurrent = true};
    if (test_.size() > 0) info.splits.push_back({"test", test_.size()});
    return info;
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    (split == 0 ? train_ : test_).copy(indices, samples, labels);
  }

 private:
  void add(const std::filesystem::path& file, files::Safetensors& content, const std::string& images,
           const std::string& labels, Pictures& split) {
    const auto found = content.tensors.find(images);
    if (found == content.tensors.end()) files::fail(file, "it has no tensor `" + images + "`", kRemedy);
    files::StoredTensor& tensor = found->second;
    const bool points = tensor.dtype == "F32";
    if (!(tensor.dtype == "U8" && tensor.shape.size() == 4) && !(points && tensor.shape.size() == 2))
      files::fail(file,
                  "`" + images + "` is " + tensor.dtype + " of " + std::to_string(tensor.shape.size()) +
                      " dimensions",
                  kRemedy);
    const std::vector<int64_t> shape(tensor.shape.begin() + 1, tensor.shape.end());
    if (tensor.bytes.empty()) files::fail(file, "`" + images + "` is empty", kRemedy);
    if (!shape_.empty() && (shape != shape_ || points != points_))
      files::fail(file, "samples of train and test differ in shape or type", kRemedy);
    shape_ = shape;
    points_ = points;
    split.sample_bytes = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
    split.samples = std::move(tensor.bytes);
    if (const auto given = content.tensors.find(labels); given != content.tensors.end())
      split.labels = labels_of(file, labels, given->second, split.size());
  }

  std::vector<uint8_t> labels_of(const std::filesystem::path& file, const std::string& name,
                                 const files::StoredTensor& tensor, int64_t count) {
    const int64_t width = files::bytes_of_dtype(tensor.dtype);
    if ((tensor.dtype != "U8" && tensor.dtype != "I32" && tensor.dtype != "I64") ||
        tensor.shape != std::vector<int64_t>{count})
      files::fail(file, "`" + name + "` is not of U8, I32 or I64 [" + std::to_string(count) + "]", kRemedy);
    std::vector<uint8_t> labels;
    for (int64_t i = 0; i < count; ++i) {
      int64_t label = 0;
      std::memcpy(&label, tensor.bytes.data() + i * width, static_cast<size_t>(width));  // little endian
      if (label < 0 || label > 255)
        files::fail(file,
                    "`" + name + "` holds " + std::to_string(label) + " at " + std::to_string(i) +
                        ", expected is 0 to 255",
                    kRemedy);
      labels.push_back(static_cast<uint8_t>(label));
      classes_ = std::max(classes_, label + 1);
    }
    return labels;
  }

  std::vector<int64_t> shape_;
  bool points_ = false;
  int64_t classes_ = 0;
  Pictures train_, test_;
  std::string version_;
};
SADDLE_DATASET(SafetensorsSet)
