#include <check/gradient.hpp>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <cstdio>

#include <check/fabricate.hpp>
#include <check/report.hpp>

namespace saddle::worker {
namespace {

double at_moved(const Differentiated& f, at::Tensor x, const at::Tensor& direction, double by) {
  const at::Tensor kept = x.detach().clone();
  {
    const at::NoGradGuard no_grad;
    x.add_(direction, by);
  }
  const double value = f.value().item<double>();
  const at::NoGradGuard no_grad;
  x.copy_(kept);
  return value;
}

std::string text(double v) {
  char number[32];
  std::snprintf(number, sizeof number, "%.6g", v);
  return number;
}

struct Precision {
  double step, relative, rounding;
};
// The step is a share of the variable's length. Central differences err by its square; a kink of the function
// within it (ReLU) is met the less often the smaller it is; rounding counts for more then.
Precision precision_of(at::ScalarType type) {
  if (type == at::kDouble) return {1e-6, 1e-4, 1e-14};
  return {1e-3, 5e-2, 2e-6};
}

// In float32 a random direction drowns in rounding and kinks: the gradient's own has the steepest slope.
at::Tensor direction_of(const std::string& name, const at::Tensor& x, const at::Tensor& gradient,
                        int attempt) {
  at::Tensor direction = normal(x.sizes(), name + "/direction" + std::to_string(attempt));
  direction = direction / direction.norm();
  if (x.scalar_type() != at::kDouble && gradient.defined())
    direction = gradient.to(at::kDouble) / (gradient.norm().to(at::kDouble) + 1e-30) + 0.1 * direction;
  return (direction / direction.norm()).to(x.scalar_type());
}

// "" when one of three directions agrees: a kink in the way is chance, a wrong gradient is not.
std::string disagreement(const Differentiated& f, const std::string& name, const at::Tensor& x,
                         const at::Tensor& gradient, double size) {
  const Precision p = precision_of(x.scalar_type());
  const double length =
      std::max(x.detach().norm().item<double>(), 1e-2 * std::sqrt(static_cast<double>(x.numel())));
  std::string fault;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const at::Tensor direction = direction_of(name, x, gradient, attempt);
    const double h = p.step * length / (attempt == 0 ? 1 : attempt * 7);
    const double expected = gradient.defined() ? (gradient * direction).sum(at::kDouble).item<double>() : 0.0;
    const double found = (at_moved(f, x, direction, h) - at_moved(f, x, direction, -h)) / (2 * h);
    const double allowed =
        p.relative * std::max(std::abs(expected), std::abs(found)) + p.rounding * std::max(1.0, size) / h;
    if (std::abs(expected - found) <= allowed) return "";
    fault = "the derivative by \"" + name + "\" along a direction is " + text(expected) +
            ", finite differences give " + text(found);
  }
  return fault;
}

}  // namespace

GradientFaults check_gradients(const Differentiated& f, bool differences) {
  GradientFaults faults;
  const at::Tensor value = f.value();
  if (!value.requires_grad())
    throw Broken("nothing that it gives is attached to the graph: no gradient flows");
  std::vector<at::Tensor> leaves;
  for (const auto& [name, leaf] : f.variables) leaves.push_back(leaf);
  const auto gradients = torch::autograd::grad({value}, leaves, {}, /*retain_graph=*/false,
                                               /*create_graph=*/false, /*allow_unused=*/true);
  const double size = std::abs(value.item<double>());
  for (size_t i = 0; i < leaves.size(); ++i) {
    going_on();
    const std::string& name = f.variables[i].first;
    if (!gradients[i].defined()) faults.unreached.push_back(name);
    if (gradients[i].defined() && !at::isfinite(gradients[i]).all().item<bool>())
      throw Broken("the gradient by \"" + name + "\" is not finite");
    if (differences && faults.disagreement.empty())
      faults.disagreement = disagreement(f, name, leaves[i], gradients[i], size);
  }
  return faults;
}

}  // namespace saddle::worker
