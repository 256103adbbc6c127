#include "pictures.hpp"

#include <matio.h>
using namespace saddle;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRemedy =
    "Expected are train_32x32.mat and test_32x32.mat (and extra_32x32.mat, if asked for) of "
    "http://ufldl.stanford.edu/housenumbers; set the parameter `path` to their folder. A folder of pictures "
    "is read by "
    "image_folder";
constexpr size_t kSide = 32, kBytes = 3 * kSide * kSide;

// A file of MATLAB, and a variable of it.
struct Closer {
  void operator()(mat_t* file) const { Mat_Close(file); }
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using MatFile = std::unique_ptr<mat_t, Closer>;
using Variable = std::unique_ptr<matvar_t, Closer>;

Variable read_variable(const fs::path& path, const MatFile& file, const char* name) {
  Variable v(Mat_VarRead(file.get(), name));
  if (!v || !v->data)
    files::fail(path, std::string("the variable ") + name + " is missing or damaged", kRemedy);
  if (v->class_type != MAT_C_UINT8)
    files::fail(path, std::string("the variable ") + name + " is not of type uint8", kRemedy);
  return v;
}

}  // namespace

// Street View House Numbers, cropped digits (Netzer et al. 2011): X is [32, 32, 3, n], column by column, y
// from 1 to 10, where 10 is the digit 0.
class Svhn {
 public:
  static Description describe() {
    return {
        .name = "svhn",
        .doc =
            "SVHN, cropped digits (Netzer et al. 2011), from its MATLAB files: 73,257 pictures for train and "
            "26,032 for test, 32 x 32 RGB, 10 classes.",
        .params = {param("path", "").doc("folder of the .mat files; empty: svhn/ in the data folder"),
                   param("extra", false).doc("add the 531,131 easier pictures of extra_32x32.mat to train")}};
  }

  explicit Svhn(const Builder& b) {
    const fs::path folder = files::locate(b, "svhn");
    Mat_LogInit("svhn");
    Mat_LogInitFunc("svhn", [](int, char*) {});  // what matio says of a damaged file, we say
    append(train_, folder / "train_32x32.mat");
    if (b.get<bool>("extra")) append(train_, folder / "extra_32x32.mat");
    append(test_, folder / "test_32x32.mat");
    files::Fingerprint f;
    train_.fingerprint(f);
    test_.fingerprint(f);
    version_ = f.text();
  }

  DatasetInfo info() const {
    return {.shape = {3, kSide, kSide},
            .classes = 10,
            .splits = {{"train", train_.size()}, {"test", test_.size()}},
            .version = version_,
            .concurrent = true};
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    (split == 0 ? train_ : test_).copy(indices, samples, labels);
  }

 private:
  static void append(Pictures& split, const fs::path& path) {
    if (!fs::exists(path)) files::fail(path, "there is no such file", kRemedy);
    const MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY));
    if (!file) files::fail(path, "this is no MATLAB file, or a damaged one", kRemedy);
    const Variable x = read_variable(path, file, "X"), y = read_variable(path, file, "y");
    if (x->rank != 4 || x->dims[0] != kSide || x->dims[1] != kSide || x->dims[2] != 3)
      files::fail(path, "X is not 32 x 32 x 3 x n", kRemedy);
    const size_t count = x->dims[3];
    if (y->rank < 1 || y->nbytes != count)
      files::fail(path, std::to_string(y->nbytes) + " labels for " + std::to_string(count) + " pictures",
                  kRemedy);
    const auto* pixels = static_cast<const uint8_t*>(x->data);
    const auto* labels = static_cast<const uint8_t*>(y->data);
    split.sample_bytes = kBytes;
    split.samples.reserve(split.samples.size() + count * kBytes);
    for (size_t i = 0; i < count; ++i) {
      if (labels[i] < 1 || labels[i] > 10)
        files::fail(
            path, "label " + std::to_string(i) + " is " + std::to_string(labels[i]) + ", expected is 1 to 10",
            kRemedy);
      split.labels.push_back(labels[i] % 10);
      for (size_t c = 0; c < 3; ++c)
        for (size_t row = 0; row < kSide; ++row)
          for (size_t column = 0; column < kSide; ++column)
            split.samples.push_back(pixels[row + kSide * (column + kSide * (c + 3 * i))]);
    }
  }
  Pictures train_, test_;
  std::string version_;
};
SADDLE_DATASET(Svhn)
