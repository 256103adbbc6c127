#pragma once
#include <signal.h>

#include <schedule/process.hpp>

namespace saddle::schedule {

// SIGINT, SIGTERM and SIGHUP as something to poll instead of something that
// ends us. Threads inherit the mask, so make it before the store starts its
// writer. The mask of before returns with the destructor.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int fd() const { return fd_.get(); }
  int take();  // how many have come since the last call; does not wait

 private:
  sigset_t before_;
  Fd fd_;
};

}  // namespace saddle::schedule
