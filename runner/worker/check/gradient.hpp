#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

// Gradients against finite differences.
namespace saddle::worker {

// A scalar function of leaves that require grad. It is asked again and again: the leaves are moved in place
// and put back, and nothing else may change what it gives.
struct Differentiated {
  std::function<at::Tensor()> value;
  std::vector<std::pair<std::string, at::Tensor>> variables;
};

struct GradientFaults {
  std::vector<std::string> unreached;  // variables that no gradient reaches
  std::string disagreement;            // the first variable whose gradient is wrong, in words; "" for none
};

// Directional derivatives along random directions, one variable at a time, so that a small one is not lost
// among large ones. Only reachability when !differences.
GradientFaults check_gradients(const Differentiated& f, bool differences);

}  // namespace saddle::worker
