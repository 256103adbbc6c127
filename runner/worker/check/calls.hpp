#pragma once
#include <cstdint>
#include <string>

// The calls that a plugin makes of the host, seen from within: counted, made to fail, and held against
// what is released. For a process that checks; the plugin runs on one thread unless said otherwise.
namespace saddle::worker {

// Puts the watching functions into the host's table. Before the first plugin is loaded.
void watch_host_calls();

// Calls of operators and of other functions that give tensors, so far.
int64_t host_calls();
// The n-th such call from now on fails (1: the next); 0: none.
void fail_host_call(int64_t n);
// What it was, if it has failed: "aten::relu"; else "".
std::string failed_host_call();

// From here on handles that calls give are noted; what is still held when asked is said in words,
// "[4, 1] of aten::mean, ...", or "" for nothing.
void note_handles();
std::string noted_handles();

}  // namespace saddle::worker
