// Differentiable functions of a plugin's own making, and checkpointed segments. Extension saddle.function/1.
#pragma once
#include <saddle/model.hpp>

#include <array>

#pragma GCC visibility push(hidden)
namespace saddle {

// What the backward of a function is given. Valid during the call.
struct Saved {
  std::span<const Tensor> inputs, outputs;
  std::span<const Tensor> gradients;  // one for each output; empty where nothing depends on it
};

namespace detail {
template <>
struct IdOf<saddle_function_extension> {
  static constexpr const char* value = SADDLE_EXTENSION_FUNCTION;
};

// One tensor or an array of them, as a list of handles.
template <class R>
struct Pack;
template <>
struct Pack<Tensor> {
  static constexpr uint32_t count = 1;
  static void give(Tensor t, saddle_tensor** to) { *to = t.release(); }
  static Tensor own(saddle_tensor** from) { return Tensor::own(*from); }
};
template <size_t N>
struct Pack<std::array<Tensor, N>> {
  static constexpr uint32_t count = N;
  static void give(std::array<Tensor, N> all, saddle_tensor** to) {
    for (size_t i = 0; i < N; ++i) to[i] = all[i].release();
  }
  static std::array<Tensor, N> own(saddle_tensor** from) {
    std::array<Tensor, N> all;
    for (size_t i = 0; i < N; ++i) all[i] = Tensor::own(from[i]);
    return all;
  }
};

inline std::span<const Tensor> borrowed(saddle_tensor* const* handles, size_t count) {
  return {reinterpret_cast<const Tensor*>(handles), count};
}

template <class F>
void destroy_function(void* data) {
  delete static_cast<F*>(data);
}

// Hands `function` over to the host and runs it.
template <class R, class F>
R apply(const saddle_function& table, std::unique_ptr<F> function, std::span<const Tensor> inputs) {
  const saddle_function_extension& host_side = extension<saddle_function_extension>();
  std::array<saddle_tensor*, Pack<R>::count> results{};
  check(host_side.apply(&table, function.release(), reinterpret_cast<saddle_tensor* const*>(inputs.data()),
                        static_cast<uint32_t>(inputs.size()), results.data()));
  return Pack<R>::own(results.data());
}

// Callbacks of an F with forward and backward, for N inputs.
template <class F, size_t... I>
struct FunctionTable {
  using Result =
      std::decay_t<decltype(std::declval<F&>().forward((void(I), std::declval<const Tensor&>())...))>;
  using Gradients = std::decay_t<decltype(std::declval<F&>().backward(std::declval<const Saved&>()))>;
  static_assert(Pack<Gradients>::count == sizeof...(I), "backward returns one gradient for each input");

  static saddle_status forward(void* data, saddle_tensor* const* inputs, uint32_t, saddle_tensor** outputs) {
    return guarded([&] {
      const auto in = borrowed(inputs, sizeof...(I));
      Pack<Result>::give(static_cast<F*>(data)->forward(in[I]...), outputs);
    });
  }
  static saddle_status backward(void* data, saddle_tensor* const* inputs, uint32_t count,
                                saddle_tensor* const* outputs, saddle_tensor* const* output_gradients,
                                saddle_tensor** input_gradients) {
    return guarded([&] {
      constexpr uint32_t n = Pack<Result>::count;
      const Saved saved{borrowed(inputs, count), borrowed(outputs, n), borrowed(output_gradients, n)};
      Pack<Gradients>::give(static_cast<F*>(data)->backward(saved), input_gradients);
    });
  }
  static constexpr saddle_function value{sizeof(saddle_function), Pack<Result>::count, forward, backward,
                                         destroy_function<F>};
};
template <class F, size_t... I>
FunctionTable<F, I...> function_table(std::index_sequence<I...>);

// A segment without a Call.
template <class F, size_t... I>
struct SegmentTable {
  using Result =
      std::decay_t<std::invoke_result_t<F&, decltype((void(I), std::declval<const Tensor&>()))...>>;
  static saddle_status forward(void* data, saddle_tensor* const* inputs, uint32_t, saddle_tensor** outputs) {
    return guarded([&] {
      const auto in = borrowed(inputs, sizeof...(I));
      Pack<Result>::give((*static_cast<F*>(data))(in[I]...), outputs);
    });
  }
  static constexpr saddle_function value{sizeof(saddle_function), Pack<Result>::count, forward, nullptr,
                                         destroy_function<F>};
};
template <class F, size_t... I>
SegmentTable<F, I...> segment_table(std::index_sequence<I...>);

// A segment of a model: the parameters of the call follow its inputs.
template <class F>
struct CallSegment {
  F body;
  int32_t training;
  std::vector<Tensor> buffers;
};
template <class F, size_t... I>
struct CallSegmentTable {
  using Result = std::decay_t<
      std::invoke_result_t<F&, const Call&, decltype((void(I), std::declval<const Tensor&>()))...>>;
  static saddle_status forward(void* data, saddle_tensor* const* inputs, uint32_t count,
                               saddle_tensor** outputs) {
    return guarded([&] {
      auto& self = *static_cast<CallSegment<F>*>(data);
      constexpr uint32_t n = sizeof...(I);
      const saddle_call call{sizeof(saddle_call),
                             self.training,
                             nullptr,
                             inputs + n,
                             reinterpret_cast<saddle_tensor* const*>(self.buffers.data()),
                             [](const saddle_call*, const char*) -> saddle_tensor* { return nullptr; },
                             [](const saddle_call*, const char*, saddle_tensor*) -> saddle_status {
                               host->set_error("a checkpointed segment returns its outputs");
                               return SADDLE_ERROR;
                             },
                             count - n,
                             static_cast<uint32_t>(self.buffers.size()),
                             nullptr};
      const auto in = borrowed(inputs, n);
      Pack<Result>::give(self.body(Call(&call), in[I]...), outputs);
    });
  }
  static constexpr saddle_function value{sizeof(saddle_function), Pack<Result>::count, forward, nullptr,
                                         destroy_function<CallSegment<F>>};
};
template <class F, size_t... I>
CallSegmentTable<F, I...> call_segment_table(std::index_sequence<I...>);

template <class T>
concept IsTensor = std::is_same_v<T, Tensor>;
}  // namespace detail

// Runs `function` and makes its node in the graph. It has
//   forward(const Tensor&...)     -> Tensor, or std::array<Tensor, N>; gradients are not recorded in it
//   backward(const Saved&) const  -> a gradient for each input: Tensor, or std::array<Tensor, inputs>; an
//                                    empty one is zero. Written with operators, it can be differentiated
//                                    again. It may run on another thread than forward, and more than once.
// It is moved to the host, and destroyed with the graph.
template <class F, detail::IsTensor... T>
auto apply(F function, const T&... inputs) {
  using Table = decltype(detail::function_table<F>(std::index_sequence_for<T...>()));
  const std::array<Tensor, sizeof...(T)> all{inputs...};
  return detail::apply<typename Table::Result>(Table::value, std::make_unique<F>(std::move(function)), all);
}

// Runs `body(inputs...)` and keeps nothing of it but its inputs: the backward pass runs it again, with the
// same random numbers. So it captures by value (by reference only what outlives the graph), every tensor
// that is to get a gradient is among `inputs`, and what it changes in place is changed twice. It cannot be
// differentiated twice: no gradient penalty goes through it. Returns what body returns, Tensor or
// std::array<Tensor, N>.
template <class F, detail::IsTensor... T>
auto checkpointed(F body, const T&... inputs) {
  using Table = decltype(detail::segment_table<F>(std::index_sequence_for<T...>()));
  const std::array<Tensor, sizeof...(T)> all{inputs...};
  return detail::apply<typename Table::Result>(Table::value, std::make_unique<F>(std::move(body)), all);
}

// The same for a part of a model: `body(call, inputs...)` is given a Call with the model's parameters and
// buffers, for layers to take theirs from; it has no inputs of its own.
//   x = checkpointed(call, [this](const Call& c, const Tensor& x) { return block_(c, x); }, x);
template <class F, detail::IsTensor... T>
auto checkpointed(const Call& call, F body, const T&... inputs) {
  using Table = decltype(detail::call_segment_table<F>(std::index_sequence_for<T...>()));
  const saddle_call& c = *call.c();
  if (!SADDLE_HAS(saddle_call, &c, buffer_count))
    throw Error("this host is too old to say how many tensors a call carries");
  std::vector<Tensor> all{inputs...};
  for (uint32_t i = 0; i < c.parameter_count; ++i) all.push_back(Tensor::share(c.parameters[i]));
  auto segment =
      std::make_unique<detail::CallSegment<F>>(detail::CallSegment<F>{std::move(body), c.training, {}});
  for (uint32_t i = 0; i < c.buffer_count; ++i) segment->buffers.push_back(Tensor::share(c.buffers[i]));
  return detail::apply<typename Table::Result>(Table::value, std::move(segment), all);
}

}  // namespace saddle
#pragma GCC visibility pop
