// A split that is kept in memory: uint8 samples of one size, and their labels.
#pragma once
#include "files.hpp"

namespace saddle {

struct Pictures {
  size_t sample_bytes = 0;
  std::vector<uint8_t> samples;
  std::vector<uint8_t> labels;  // empty: none

  int64_t size() const { return sample_bytes ? static_cast<int64_t>(samples.size() / sample_bytes) : 0; }
  void fingerprint(files::Fingerprint& f) const { f.add(samples).add(labels); }

  void copy(std::span<const int64_t> indices, void* out, int64_t* out_labels) const {
    auto* to = static_cast<uint8_t*>(out);
    for (const int64_t i : indices) {
      if (i < 0 || i >= size())
        throw Error("sample " + std::to_string(i) + " of a split that has " + std::to_string(size()));
      std::copy_n(samples.data() + static_cast<size_t>(i) * sample_bytes, sample_bytes, to);
      to += sample_bytes;
      if (out_labels) *out_labels++ = labels.empty() ? 0 : labels[static_cast<size_t>(i)];
    }
  }
};

}  // namespace saddle
