#pragma once
#include <common/error.hpp>

namespace saddle::worker {

// A component stopped because the trial is to end (SADDLE_CANCELLED): nobody's fault.
struct Cancelled : Error {
  using Error::Error;
};

}  // namespace saddle::worker
