#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace saddle::worker {

// What an extractor says of real samples, kept in saddle's cache folder from one trial to the next: those of
// a grid measure by the same real samples. A file is named by the contents of everything that its numbers
// depend on, down to the samples themselves, so there is nothing to keep up to date, and any file may be
// deleted at any time.
using Features = std::map<std::string, at::Tensor>;  // by output

// SHA-256 of dtypes, shapes and elements.
std::string contents_of(const std::vector<at::Tensor>& tensors);

// The outputs, from the folder if they are all there, else of `compute`, which are then kept. `identity`: all
// that they depend on but the samples. Of several processes that ask at a time one computes, the others wait
// for it. A folder that cannot be read or written is as good as none.
Features kept_features(const std::string& identity, const at::Tensor& samples,
                       const std::set<std::string>& outputs, const std::function<Features()>& compute);

}  // namespace saddle::worker
