#include <game/standing.hpp>

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <vector>

namespace saddle::worker {
namespace {

std::map<std::string, at::Tensor> copies(const train::ParameterSet& set) {
  std::map<std::string, at::Tensor> all;
  for (const auto& [name, buffer] : set.buffers()) all[name] = buffer.clone();
  return all;
}

void put_back(train::ParameterSet& set, const std::map<std::string, at::Tensor>& values) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : values) set.buffer(name).copy_(value);
}

struct Statistic {
  std::string name;
  double momentum;
  at::Tensor total;  // over passes, float64
};

// m of r <- (1 - m) r + m s from where 0 and 1 go; 0 when that is not how it moves. Batch norms are written
// with short decimals, to which the rounding of float32 is taken back.
double momentum_of(const at::Tensor& from_zero, const at::Tensor& from_one) {
  const at::Tensor kept = (from_one - from_zero).to(at::kDouble);
  const double keep = kept.mean().item<double>();
  const double size = from_zero.abs().max().item<double>();
  if (!std::isfinite(keep) || !((kept - keep).abs().max().item<double>() < 1e-5 * (1 + size))) return 0;
  const double momentum = 1 - keep, decimal = std::round(momentum * 1e5) / 1e5;
  if (momentum < 1e-6 || momentum > 1 + 1e-5) return 0;
  return std::fabs(momentum - decimal) < 1e-6 * (1 + size) && decimal > 0 ? decimal : momentum;
}

}  // namespace

Restored::Restored(train::ParameterSet& set) : set_(set), before_(copies(set)) {}
Restored::~Restored() { put_back(set_, before_); }

void set_standing_statistics(train::ParameterSet& set, int64_t passes,
                             const std::function<void(int64_t)>& pass) {
  const at::NoGradGuard no_grad;
  const auto before = copies(set);
  // Only what a pass moves is set to 0 and 1: constants must stay.
  pass(0);
  std::vector<std::string> moved;
  for (const auto& [name, value] : before)
    if (value.is_floating_point() && value.numel() > 0 && !at::equal(value, set.buffer(name)))
      moved.push_back(name);
  const auto run_from = [&](double start, const std::vector<std::string>& names, int64_t batch) {
    put_back(set, before);
    for (const std::string& name : names) set.buffer(name).fill_(start);
    pass(batch);
  };
  run_from(1, moved, 0);
  std::map<std::string, at::Tensor> from_one;
  for (const std::string& name : moved) from_one[name] = set.buffer(name).clone();
  run_from(0, moved, 0);
  std::vector<Statistic> statistics;
  std::vector<std::string> names;
  for (const std::string& name : moved)
    if (const double momentum = momentum_of(set.buffer(name), from_one.at(name)); momentum > 0) {
      statistics.push_back({name, momentum, at::zeros_like(from_one.at(name), at::kDouble)});
      names.push_back(name);
    }
  for (int64_t i = 0; i < passes; ++i) {
    run_from(0, names, i);
    for (Statistic& s : statistics) s.total.add_(set.buffer(s.name).to(at::kDouble).div_(s.momentum));
  }
  put_back(set, before);
  for (const Statistic& s : statistics) set.buffer(s.name).copy_(s.total / static_cast<double>(passes));
}

}  // namespace saddle::worker
