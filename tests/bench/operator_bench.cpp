// What one operator call from a plugin costs beyond the same call in C++: tiny
// tensors, so that the work itself hardly counts. Prints one JSON object a line.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <saddle/ops.hpp>

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include <bridge/caller.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/operators.hpp>

namespace {

// Of processor time, since all runs on this thread: what others do to the machine counts less.
double now_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class F>
double nanoseconds(F&& body, int calls) {
  const double start = now_ns();
  for (int i = 0; i < calls; ++i) body();
  return (now_ns() - start) / calls;
}

// The two sides take turns, so that a busy machine slows both; the quietest turn of each counts.
template <class Plugin, class Direct>
void compare(const char* name, bool hot, Plugin&& plugin, Direct&& direct) {
  constexpr int kTurns = 200, kCalls = 400;
  double a = 1e9, b = 1e9;
  for (int turn = 0; turn < kTurns; ++turn) {
    a = std::min(a, nanoseconds(plugin, kCalls));
    b = std::min(b, nanoseconds(direct, kCalls));
  }
  std::printf(
      "{\"bench\": \"operator\", \"name\": \"%s\", \"hot\": %s, \"plugin_ns\": %.1f, \"direct_ns\": %.1f, "
      "\"extra_ns\": %.1f}\n",
      name, hot ? "true" : "false", a, b, a - b);
}

}  // namespace

int main() {
  using saddle::Tensor;
  saddle::detail::host = &saddle::worker::host_table();
  for (auto* slot : saddle::detail::operator_slots())
    slot->handle = saddle::worker::resolve_operator(slot->schema);
  at::NoGradGuard no_grad;
  // As a component's call: what it holds is counted.
  using saddle::worker::Caller, saddle::worker::Holding;
  const saddle::worker::Calling calling(
      std::make_shared<Caller>(
          Caller{.who = "bench", .record = "bench", .holding = std::make_shared<Holding>()}),
      "forward");

  const auto wrap = [](const at::Tensor& t) { return Tensor::own(saddle::worker::give(t)); };
  const at::Tensor x = at::randn({2, 4, 4, 4}), y = at::randn({2, 4, 4, 4}), w = at::randn({4, 4, 3, 3});
  const at::Tensor wt = at::randn({4, 4, 4, 4}), bias = at::randn({4}), g = at::ones({4}), m = at::zeros({4}),
                   v = at::ones({4}), flat = at::randn({2, 8}), wl = at::randn({4, 8});
  // A batch of none: a convolution's arithmetic would drown what is measured.
  const at::Tensor none = at::empty({0, 4, 4, 4});
  const Tensor N = wrap(none);
  const Tensor X = wrap(x), Y = wrap(y), W = wrap(w), WT = wrap(wt), B = wrap(bias), G = wrap(g), M = wrap(m),
               V = wrap(v), F = wrap(flat), WL = wrap(wl);

  compare(
      "relu", true, [&] { relu(X); }, [&] { at::relu(x); });
  compare(
      "leaky_relu", true, [&] { leaky_relu(X, 0.2); }, [&] { at::leaky_relu(x, 0.2); });
  compare(
      "tanh", true, [&] { tanh(X); }, [&] { at::tanh(x); });
  compare(
      "softplus", true, [&] { softplus(X); }, [&] { at::softplus(x); });
  compare(
      "add", true, [&] { add(X, Y); }, [&] { at::add(x, y); });
  compare(
      "mul", true, [&] { mul(X, Y); }, [&] { at::mul(x, y); });
  compare(
      "mul scalar", true, [&] { mul(X, 2.0); }, [&] { at::mul(x, 2.0); });
  compare(
      "mean", true, [&] { mean(X); }, [&] { at::mean(x); });
  compare(
      "view", true,
      [&] {
        view(X, {2, -1});
      },
      [&] {
        x.view({2, -1});
      });
  compare(
      "linear", true, [&] { linear(F, WL); }, [&] { at::linear(flat, wl); });
  compare(
      "conv2d", true, [&] { conv2d(N, W, B, {.stride = 1, .padding = 1}); },
      [&] { at::conv2d(none, w, bias, 1, 1); });
  compare(
      "conv_transpose2d", true, [&] { conv_transpose2d(N, WT, B, {.stride = 2, .padding = 1}); },
      [&] { at::conv_transpose2d(none, wt, bias, 2, 1); });
  compare(
      "batch_norm", true, [&] { batch_norm(X, G, B, M, V, true, 0.1, 1e-5, true); },
      [&] { at::batch_norm(x, g, bias, m, v, true, 0.1, 1e-5, true); });
  compare(
      "split", false, [&] { split(X, 2, 1); }, [&] { x.split(2, 1); });
  compare(
      "cat", false,
      [&] {
        const Tensor both[] = {X, Y};
        cat(both);
      },
      [&] {
        at::cat({x, y});
      });
  compare(
      "chunk", false, [&] { chunk(X, 2, 1); }, [&] { x.chunk(2, 1); });
  compare(
      "unbind", false, [&] { unbind(X, 0); }, [&] { x.unbind(0); });
  compare(
      "stack", false,
      [&] {
        const Tensor both[] = {X, Y};
        stack(both);
      },
      [&] {
        at::stack({x, y});
      });
  compare(
      "einsum", false,
      [&] {
        const Tensor both[] = {F, WL};
        einsum("ij,kj->ik", both);
      },
      [&] {
        at::einsum("ij,kj->ik", {flat, wl});
      });
  compare(
      "topk", false, [&] { topk(F, 2); }, [&] { at::topk(flat, 2); });
  compare(
      "layer_norm", false, [&] { layer_norm(F, {8}, {}, {}); }, [&] { at::layer_norm(flat, {8}); });
  compare(
      "sum.dim", false,
      [&] {
        sum(X, {2, 3});
      },
      [&] {
        x.sum({2, 3});
      });
  compare(
      "max.dim", false, [&] { max(F, 1); }, [&] { at::max(flat, 1); });
  compare(
      "permute", false,
      [&] {
        permute(X, {0, 2, 3, 1});
      },
      [&] {
        x.permute({0, 2, 3, 1});
      });
  compare(
      "group_norm", false, [&] { group_norm(X, 2); }, [&] { at::group_norm(x, 2); });
  compare(
      "logsumexp", false, [&] { logsumexp(F, 1); }, [&] { at::logsumexp(flat, 1); });
}
