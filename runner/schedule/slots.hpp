#pragma once
#include <optional>
#include <string>
#include <vector>

namespace saddle::schedule {

// What a trial takes of the machine while it runs.
struct Need {
  int threads = 1;
  double gpu = 0;      // share of one GPU; 0: none
  bool alone = false;  // nothing may run beside it
};

struct Slot {
  Need need;
  int gpu = -1;  // which; -1: none
};

// How many trials run side by side: as many as their threads leave cores for, or
// as many as the user says (--jobs); and no more on a GPU than their shares fill.
class Slots {
 public:
  // `jobs` 0: by cores. `gpus`: as many as there are, 0 if nobody asked.
  Slots(int jobs, int cores, int gpus);

  enum class Fit { now, gpu_is_full, machine_is_full };
  Fit fit(const Need& need) const;
  // Only what fits now. The GPU that is least taken.
  Slot take(const Need& need);
  void give_back(const Slot& slot);

 private:
  int best_gpu(double share) const;

  int jobs_, cores_;
  int running_ = 0, threads_ = 0, alone_ = 0;
  std::vector<double> gpus_;  // what is taken of each
};

}  // namespace saddle::schedule
