#pragma once

namespace saddle::worker {

// While it lives, what plugins make on this thread is made in host memory, whatever the trial's device:
// metrics are given their samples there.
class InHostMemory {
 public:
  InHostMemory();
  ~InHostMemory();
  InHostMemory(const InHostMemory&) = delete;
  InHostMemory& operator=(const InHostMemory&) = delete;

 private:
  bool previous_;
};

}  // namespace saddle::worker
