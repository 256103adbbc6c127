#pragma once
#include <functional>
#include <map>
#include <string>

#include <train/parameters.hpp>

namespace saddle::worker {

// Puts the buffers of a set back to what they were, in place.
class Restored {
 public:
  explicit Restored(train::ParameterSet& set);
  ~Restored();
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  train::ParameterSet& set_;
  std::map<std::string, at::Tensor> before_;
};

// Standing statistics (Brock et al. 2019, section 4.1; torch's batch norm with momentum None): every running
// statistic becomes the mean over `passes` training-mode passes of what one batch gives. `pass(i)` runs batch
// i, the same for the same i.
//
// No component is asked for it: what a pass moves as r <- (1 - m) r + m s, with the same m in all of a
// buffer, is a running statistic. m is read off two passes of batch 0, one from 0 and one from 1; s of any
// batch then is r / m after a pass from 0. Other buffers are left as they were.
void set_standing_statistics(train::ParameterSet& set, int64_t passes,
                             const std::function<void(int64_t)>& pass);

}  // namespace saddle::worker
