#pragma once
#include <driver_types.h>

// Errors of the CUDA part: a number for the caller and a text kept for this thread.
namespace saddle::cuda {

// Keeps `text` as this thread's last error; returns `status` as the number to hand on.
int fail(cudaError_t status, const char* text);

// 0 on success; otherwise keeps "WHAT: CUDA's name and text of the error" and returns its number.
int check(cudaError_t status, const char* what);

}  // namespace saddle::cuda
