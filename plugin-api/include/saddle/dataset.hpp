// Data sets: plain buffers, no tensors. The host samples, shuffles, moves and caches.
#pragma once
#include <saddle/component.hpp>

#include <algorithm>

#pragma GCC visibility push(hidden)
namespace saddle {

struct Split {
  std::string name;
  int64_t size;
};

struct DatasetInfo {
  std::vector<int64_t> shape;  // of one sample: {channels, height, width}, or {n} for points
  DType dtype = DType::uint8;  // uint8: pictures, 0 to 255; float32: points, used as they are
  int64_t classes = 0;         // 0: no labels
  std::vector<Split> splits;   // "train" first, "test" where there is one
  std::string version = "1";   // of the data; kept with every metric
  std::string facts = "{}";    // a JSON object for models and metrics: facts named dataset.KEY
  bool concurrent = false;     // fill may run on several threads at once
};

namespace detail {
template <class T>
struct DatasetTable {
  struct Instance {
    explicit Instance(const Builder& b) : dataset(b), info(dataset.info()) {
      for (const Split& s : info.splits) splits.push_back({s.name.c_str(), s.size});
    }
    T dataset;
    DatasetInfo info;
    std::vector<saddle_split> splits;
  };
  static void check_range(const std::vector<saddle_split>& splits, uint32_t split,
                          std::span<const int64_t> indices) {
    if (split >= splits.size())
      throw Error("split " + std::to_string(split) + " of " + std::to_string(splits.size()));
    const int64_t size = splits[split].size;
    for (const int64_t i : indices)
      if (i < 0 || i >= size)
        throw Error("sample " + std::to_string(i) + " of a split that has " + std::to_string(size));
  }
  static saddle_status describe_data(void* instance, saddle_dataset_info* out) {
    return guarded([&] {
      auto& self = *static_cast<Instance*>(instance);
      if (self.info.shape.empty() || self.info.shape.size() > 4)
        throw Error("a sample has one to four dimensions");
      out->concurrent = self.info.concurrent;
      out->dtype = static_cast<saddle_dtype>(self.info.dtype);
      out->dim = static_cast<uint32_t>(self.info.shape.size());
      std::copy(self.info.shape.begin(), self.info.shape.end(), out->shape);
      out->classes = self.info.classes;
      out->split_count = static_cast<uint32_t>(self.splits.size());
      out->splits = self.splits.data();
      out->version = self.info.version.c_str();
      out->facts = self.info.facts.c_str();
    });
  }
  static saddle_status fill(void* instance, uint32_t split, const int64_t* indices, int64_t count,
                            void* samples, int64_t* labels) {
    return guarded([&] {
      auto& self = *static_cast<Instance*>(instance);
      const std::span<const int64_t> wanted(indices, static_cast<size_t>(count));
      check_range(self.splits, split, wanted);
      self.dataset.fill(split, wanted, samples, labels);
    });
  }
  static std::unique_ptr<Registration> make() {
    static constexpr saddle_dataset table{sizeof(saddle_dataset), create<Instance>, destroy<Instance>,
                                          describe_data, fill};
    auto r = registration(T::describe(), "dataset", SADDLE_KIND_DATASET);
    r->component.as.dataset = &table;
    return r;
  }
};
}  // namespace detail
}  // namespace saddle
#pragma GCC visibility pop

// The type has `static Description describe()`, a constructor from const Builder&, `DatasetInfo info()`, and
// `void fill(uint32_t split, std::span<const int64_t> indices, void* samples, int64_t* labels)`, which writes
// the samples one after the other; labels is null when they are not wanted. Splits and indices are in range.
#define SADDLE_DATASET(Type) SADDLE_REGISTER(Type, &::saddle::detail::DatasetTable<Type>::make)
