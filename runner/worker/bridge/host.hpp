#pragma once
#include <ATen/core/Tensor.h>
#include <saddle/abi.h>

#include <functional>
#include <string>

// The host's side of the ABI: the table that plugins call.
namespace saddle::worker {

// Valid for the life of the process.
const saddle_host& host_table();
// The same table. A process that checks plugins puts functions of its own into it, which watch what is
// called, before it loads the first.
saddle_host& changeable_host_table();

// Where tensors of the trial live. CPU unless set, before any component is created.
at::Device trial_device();
void set_trial_device(at::Device device);

std::string libtorch_version();

// Runs host code that a plugin called: what it throws becomes a status and the
// text that last_error returns.
saddle_status guarded(const std::function<void()>& body) noexcept;

// Throws saddle::Error "WHO: TEXT" (cancelled.hpp, if that is what it returned) when a component's
// function failed, with the text it set (or what the host told it last). Without `who`: the text.
void check_component(saddle_status status, const std::string& who);

// What e says, without LibTorch's backtrace (which costs milliseconds to make).
std::string message_of(const std::exception& e);

}  // namespace saddle::worker
