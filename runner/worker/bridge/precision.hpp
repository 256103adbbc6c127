#pragma once

// saddle.trial's full_precision: stretches that compute in float32 within a trial of bfloat16.
namespace saddle::worker {

// How many such stretches this thread is in; trials turn autocast on only at 0.
int full_precision_depth();
// Throws Error when there is none to leave.
void enter_full_precision();
void leave_full_precision();

}  // namespace saddle::worker
