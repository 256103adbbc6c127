#include "train/spectra.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>

namespace saddle::train {

Spectra::Spectra(const ParameterSet& set, int64_t count) : set_(set), count_(count) {
  const auto& parameters = set.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Layout layout = parameters[i].spec.layout;
    if (layout != Layout::other && layout != Layout::embedding)
      weights_.push_back({parameters[i].spec.name, i, {}});
  }
}

Spectra::Values Spectra::follow(std::size_t i, int iterations) {
  const c10::NoGradGuard no_grad;
  Weight& weight = weights_.at(i);
  const Parameter& p = set_.parameters()[weight.index];
  const at::Tensor w = spectral_matrix(p.raw.detach(), p.spec.layout), transposed = w.t();
  const int64_t k = std::min({count_, w.size(0), w.size(1)});
  if (!weight.v.defined()) {
    // Drawn apart, so that no stream of the trial moves.
    weight.v = at::empty({w.size(1), k}).normal_(0, 1, at::detail::createCPUGenerator(0)).to(w.options());
    iterations += 20;
  }
  Values values;
  for (int n = 0; n < iterations; ++n) {
    const at::Tensor q = std::get<0>(at::linalg_qr(at::mm(w, weight.v)));
    const auto [p_, r] = at::linalg_qr(at::mm(transposed, q));
    // W restricted to the subspace is q r^T p^T.
    const auto [a, s, b] = at::linalg_svd(r.t(), /*full_matrices=*/false);
    weight.v = at::mm(p_, b.t());
    values = {s, at::mm(q, a), weight.v};
  }
  return values;
}

std::map<std::string, at::Tensor> Spectra::state() const {
  std::map<std::string, at::Tensor> all;
  for (const Weight& weight : weights_)
    if (weight.v.defined()) all[weight.name] = weight.v;
  return all;
}

void Spectra::load_state(const std::map<std::string, at::Tensor>& state) {
  for (Weight& weight : weights_)
    if (const auto found = state.find(weight.name); found != state.end())
      weight.v = found->second.to(set_.parameters()[weight.index].raw.device()).clone();
}

void clamp_sigma(ParameterSet& set, Spectra& spectra, const SigmaClamp& clamp) {
  const c10::NoGradGuard no_grad;
  for (std::size_t i = 0; i < spectra.weights().size(); ++i) {
    Parameter& p = set.parameters()[spectra.weights()[i].index];
    const Spectra::Values values = spectra.follow(i);
    const at::Tensor first = values.s[0];
    at::Tensor bound;
    if (clamp.max > 0) bound = at::full_like(first, clamp.max);
    if (clamp.ratio > 0 && values.s.size(0) > 1) {
      const at::Tensor by_second = values.s[1] * clamp.ratio;
      bound = bound.defined() ? at::minimum(bound, by_second) : by_second;
    }
    if (!bound.defined()) continue;
    const at::Tensor excess = (first - bound).clamp_min(0);
    const at::Tensor outer = at::outer(values.u.select(1, 0) * excess, values.v.select(1, 0));
    p.raw.sub_(from_spectral_matrix(outer, p.raw, p.spec.layout));
  }
}

}  // namespace saddle::train
