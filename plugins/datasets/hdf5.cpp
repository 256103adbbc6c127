#include "lzf.hpp"
#include "pictures.hpp"

#include <mutex>
using namespace saddle;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRemedy =
    "Expected is a file as BigGAN-PyTorch's and StudioGAN's make_hdf5 write it: `imgs` of uint8 [n, "
    "channels, side, side] "
    "and `labels` of integers [n]. Set the parameter `path`";

// An object of HDF5's, closed by its own function.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

std::vector<hsize_t> shape_of(hid_t dataset) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  std::vector<hsize_t> shape(static_cast<size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  return shape;
}

// Why a data set could not be read.
std::string reason(hid_t dataset) {
  const Handle how(H5Dget_create_plist(dataset), H5Pclose);
  for (int i = 0; i < H5Pget_nfilters(how); ++i) {
    unsigned flags = 0;
    size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t filter =
        H5Pget_filter2(how, static_cast<unsigned>(i), &flags, &values, nullptr, sizeof name, name, nullptr);
    if (filter >= 0 && H5Zfilter_avail(filter) <= 0)
      return "it was packed by the filter \"" + std::string(name) + "\" (" + std::to_string(filter) +
             "), which is not there; write it anew without a filter, or with gzip or lzf";
  }
  return "it is damaged, or of another type";
}

}  // namespace

// One file of pictures. It stays open, and pictures are read when they are wanted.
class H5File {
 public:
  explicit H5File(const fs::path& path) : path_(path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // what HDF5 says of a damaged file, we say
    register_lzf();
    if (!fs::exists(path)) files::fail(path, "there is no such file", kRemedy);
    file_ = std::make_unique<Handle>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (*file_ < 0) files::fail(path, "this is no HDF5 file, or a damaged one", kRemedy);
    pictures_ = std::make_unique<Handle>(H5Dopen2(*file_, "imgs", H5P_DEFAULT), H5Dclose);
    if (*pictures_ < 0) files::fail(path, "it has no data set `imgs`", kRemedy);
    const Handle type(H5Dget_type(*pictures_), H5Tclose);
    shape_ = shape_of(*pictures_);
    if (shape_.size() != 4 || shape_[0] == 0 || (shape_[1] != 1 && shape_[1] != 3) ||
        H5Tget_size(type) != 1 || H5Tget_class(type) != H5T_INTEGER)
      files::fail(path, "`imgs` is not of uint8 [n, 1 or 3, height, width]", kRemedy);
    read_labels();
  }

  int64_t size() const { return static_cast<int64_t>(shape_[0]); }
  std::vector<int64_t> sample_shape() const { return {shape_.begin() + 1, shape_.end()}; }
  const std::vector<int64_t>& labels() const { return labels_; }

  void read(std::span<const int64_t> indices, uint8_t* to, int64_t* labels) {
    const std::lock_guard lock(mutex_);
    const Handle space(H5Dget_space(*pictures_), H5Sclose);
    const hsize_t one[] = {1, shape_[1], shape_[2], shape_[3]};
    const Handle memory(H5Screate_simple(4, one, nullptr), H5Sclose);
    for (const int64_t i : indices) {
      if (i < 0 || i >= size())
        throw Error("sample " + std::to_string(i) + " of a split that has " + std::to_string(size()));
      const hsize_t start[] = {static_cast<hsize_t>(i), 0, 0, 0};
      if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, one, nullptr) < 0 ||
          H5Dread(*pictures_, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, to) < 0)
        files::fail(path_, "picture " + std::to_string(i) + " cannot be read: " + reason(*pictures_),
                    kRemedy);
      to += shape_[1] * shape_[2] * shape_[3];
      if (labels) *labels++ = labels_.empty() ? 0 : labels_[static_cast<size_t>(i)];
    }
  }

 private:
  void read_labels() {
    if (H5Lexists(*file_, "labels", H5P_DEFAULT) <= 0) return;
    const Handle dataset(H5Dopen2(*file_, "labels", H5P_DEFAULT), H5Dclose);
    const auto shape = shape_of(dataset);
    if (shape.size() != 1 || shape[0] != shape_[0])
      files::fail(path_, "`labels` is not of " + std::to_string(size()) + " numbers", kRemedy);
    labels_.resize(shape[0]);
    if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels_.data()) < 0)
      files::fail(path_, "`labels` cannot be read as integers: " + reason(dataset), kRemedy);
    for (const int64_t label : labels_)
      if (label < 0) files::fail(path_, "`labels` holds " + std::to_string(label), kRemedy);
  }

  fs::path path_;
  std::mutex mutex_;  // HDF5 has one thread at a time
  std::unique_ptr<Handle> file_, pictures_;
  std::vector<hsize_t> shape_;
  std::vector<int64_t> labels_;
};

class Hdf5Set {
 public:
  static Description describe() {
    return {
        .name = "hdf5",
        .doc =
            "Pictures of an HDF5 file as BigGAN-PyTorch and PyTorch-StudioGAN write it (`imgs`, `labels`), "
            "such as "
            "ILSVRC128.hdf5. They are read when they are wanted, so the file may be larger than memory.",
        .params = {param("path", "").doc("the file; relative to the current folder or to the data folder"),
                   param("test", "").doc("a second such file for split test, named in the same way")}};
  }

  explicit Hdf5Set(const Builder& b) {
    const fs::path data = b.has_fact("data_folder") ? b.fact<std::string>("data_folder") : "data";
    const fs::path given = b.get<std::string>("path"), test = b.get<std::string>("test");
    if (given.empty()) throw Error(std::string("no file was named. ") + kRemedy);
    files::Fingerprint f;
    for (const fs::path& name : {given, test}) {
      if (name.empty()) continue;
      const fs::path file = name.is_absolute() || fs::exists(name) ? name : data / name;
      splits_.push_back(std::make_unique<H5File>(file));
      if (splits_.back()->sample_shape() != splits_[0]->sample_shape())
        files::fail(file, "its pictures have another size than those of train", kRemedy);
      if (splits_.back()->labels().empty() != splits_[0]->labels().empty())
        files::fail(file, "labels are there for one split and not for the other", kRemedy);
      for (const int64_t label : splits_.back()->labels()) {
        classes_ = std::max(classes_, label + 1);
        f.add(static_cast<uint64_t>(label));
      }
      f.add(static_cast<uint64_t>(fs::file_size(file)));
    }
    version_ = f.text();
  }

  DatasetInfo info() const {
    DatasetInfo info{
        .shape = splits_[0]->sample_shape(), .classes = classes_, .version = version_, .concurrent = true};
    for (const auto& split : splits_)
      info.splits.push_back({info.splits.empty() ? "train" : "test", split->size()});
    return info;
  }
  void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels) const {
    splits_.at(split)->read(indices, static_cast<uint8_t*>(samples), labels);
  }

 private:
  std::vector<std::unique_ptr<H5File>> splits_;
  int64_t classes_ = 0;
  std::string version_;
};
SADDLE_DATASET(Hdf5Set)
