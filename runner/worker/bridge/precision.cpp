#include <bridge/precision.hpp>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <bridge/host.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

struct Stretch {
  int depth = 0;
  bool autocast = false;  // as it was before the outermost one
};
Stretch& stretch() {
  thread_local Stretch s;
  return s;
}

}  // namespace

int full_precision_depth() { return stretch().depth; }

void enter_full_precision() {
  Stretch& s = stretch();
  if (s.depth++ > 0) return;
  const at::DeviceType device = trial_device().type();
  s.autocast = at::autocast::is_autocast_enabled(device);
  at::autocast::set_autocast_enabled(device, false);
  // Convolutions read this when they are differentiated, too, which is after the stretch: it stays.
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

void leave_full_precision() {
  Stretch& s = stretch();
  if (s.depth == 0) throw Error("full precision is left more often than it was entered");
  if (--s.depth == 0) at::autocast::set_autocast_enabled(trial_device().type(), s.autocast);
}

}  // namespace saddle::worker
