// The HDF5 filter LZF, which BigGAN-PyTorch's make_hdf5 asks for with --compression; it belongs to h5py and
// not to HDF5, so a library in C does not know it.
#pragma once
#include <hdf5.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#pragma GCC visibility push(hidden)
namespace saddle {

// What LibLZF's format says: a control byte below 32 is followed by one more literal bytes than it says; else
// its upper three bits are a length (7: one byte more follows) and its lower five, with the next byte, a
// distance back. Nothing when the bytes are damaged or need more than `most`.
inline std::optional<std::vector<uint8_t>> unpack_lzf(std::span<const uint8_t> in, size_t most) {
  std::vector<uint8_t> out;
  for (size_t at = 0; at < in.size();) {
    const size_t control = in[at++];
    if (control < 32) {
      const size_t n = control + 1;
      if (n > in.size() - at || n > most - out.size()) return {};
      const auto from = in.subspan(at, n);
      out.insert(out.end(), from.begin(), from.end());
      at += n;
      continue;
    }
    size_t n = control >> 5;
    if (n == 7) {
      if (at == in.size()) return {};
      n += in[at++];
    }
    n += 2;
    if (at == in.size()) return {};
    const size_t back = ((control & 31) << 8) + in[at++] + 1;
    if (back > out.size() || n > most - out.size()) return {};
    for (size_t i = 0; i < n; ++i) out.push_back(out[out.size() - back]);
  }
  return out;
}

// As HDF5 calls filters; values[2] is the size of a chunk. 0 is an error.
inline size_t lzf_filter(unsigned flags, size_t count, const unsigned* values, size_t bytes, size_t* room,
                         void** buffer) {
  if (!(flags & H5Z_FLAG_REVERSE) || count < 3) return 0;
  const auto out = unpack_lzf({static_cast<const uint8_t*>(*buffer), bytes}, values[2]);
  if (!out || out->empty()) return 0;
  void* place = std::malloc(out->size());  // HDF5 frees it
  if (!place) return 0;
  std::memcpy(place, out->data(), out->size());
  std::free(*buffer);
  *buffer = place;
  *room = out->size();
  return out->size();
}

inline void register_lzf() {
  static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 32000, 0, 1, "lzf", nullptr, nullptr, lzf_filter};
  H5Zregister(&filter);
}

}  // namespace saddle
#pragma GCC visibility pop
