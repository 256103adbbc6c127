// The native tier: existing code on LibTorch's C++ API as a component. A handle of the ABI is a counted
// pointer to the very tensor that LibTorch's at::Tensor holds, so tensors cross by conversion, without a
// copy.
//
// The price: the library is bound to one build of LibTorch. What must agree lies in a section of the library
// (torch_fingerprint.hpp), and a worker that differs refuses it by name before opening it. It takes half a
// minute to compile instead of a second.
#pragma once
#include <saddle/loss.hpp>
#include <saddle/model.hpp>
#include <saddle/torch_fingerprint.hpp>
#include <torch/torch.h>

#include <memory>
#include <unordered_map>
#include <unordered_set>

#pragma GCC visibility push(hidden)
namespace saddle {

namespace detail {
#if defined(__has_attribute) && __has_attribute(retain)
#define SADDLE_RETAIN gnu::retain
#else
#define SADDLE_RETAIN gnu::used
#endif
// One copy for each source file: all must agree with the worker.
[[gnu::section(SADDLE_NATIVE_SECTION), gnu::used, SADDLE_RETAIN]] static constexpr auto fingerprint_section =
    [] {
      constexpr FingerprintText whole = fingerprint();
      std::array<char, whole.size> text{};
      std::copy_n(whole.data.begin(), whole.size, text.begin());
      return text;
    }();
#undef SADDLE_RETAIN

inline saddle_tensor* handle_of(const at::Tensor& tensor) {
  return tensor.defined() ? reinterpret_cast<saddle_tensor*>(tensor.unsafeGetTensorImpl()) : nullptr;
}
inline at::Tensor tensor_of(saddle_tensor* handle) {
  if (!handle) return {};
  return at::Tensor(
      c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::unsafe_reclaim_from_nonowning(
          reinterpret_cast<c10::TensorImpl*>(handle)));
}
}  // namespace detail

// The same tensor, not a copy; what is empty on one side is undefined on the other.
inline at::Tensor to_torch(const Tensor& tensor) { return detail::tensor_of(tensor.handle()); }
inline Tensor from_torch(const at::Tensor& tensor) { return Tensor::share(detail::handle_of(tensor)); }

namespace detail {

template <class T>
decltype(auto) to_torch_if(const T& value) {
  if constexpr (std::is_same_v<T, Tensor>)
    return to_torch(value);
  else
    return (value);
}

inline Tensor from_torch_if(const at::Tensor& tensor) { return from_torch(tensor); }
inline std::vector<Tensor> from_torch_if(const std::vector<at::Tensor>& results) {
  std::vector<Tensor> list;
  list.reserve(results.size());
  for (const at::Tensor& r : results) list.push_back(from_torch(r));
  return list;
}
template <class... T>
auto from_torch_if(const std::tuple<T...>& results) {
  return std::apply([](const auto&... r) { return std::make_tuple(from_torch_if(r)...); }, results);
}
template <class A, class B>
auto from_torch_if(const std::pair<A, B>& results) {
  return std::make_pair(from_torch_if(results.first), from_torch_if(results.second));
}

// LibTorch's own errors without the backtrace that follows their text.
inline const bool knows_torch = [] {
  text_of = [](const std::exception& e) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&e);
    return of_torch ? of_torch->what_without_backtrace() : e.what();
  };
  return true;
}();

}  // namespace detail

// Calls a function of LibTorch's tensors with the SDK's: with_torch(my_hinge, s.real("logit"), margin_). What
// it returns (a tensor, or a tuple, pair or vector of them) comes back as the SDK's.
template <class F, class... Args>
auto with_torch(F&& function, const Args&... args) {
  return detail::from_torch_if(function(detail::to_torch_if(args)...));
}

namespace detail {

// What the weight of a module of LibTorch's own is to it.
inline Layout layout_of(const torch::nn::Module& m) {
  using namespace torch::nn;
  if (m.as<LinearImpl>()) return Layout::linear;
  if (m.as<Conv1dImpl>() || m.as<Conv2dImpl>() || m.as<Conv3dImpl>()) return Layout::conv;
  if (m.as<ConvTranspose1dImpl>() || m.as<ConvTranspose2dImpl>() || m.as<ConvTranspose3dImpl>())
    return Layout::conv_transpose;
  if (m.as<EmbeddingImpl>() || m.as<EmbeddingBagImpl>()) return Layout::embedding;
  return Layout::other;
}

// The tensors of a module, declared as the component's own.
class TorchTensors {
 public:
  // `norm` is for the weights whose layout is known.
  TorchTensors(const Builder& b, torch::nn::Module& module, Norm norm) {
    std::unordered_map<const void*, Layout> layouts;
    for (const auto& m : module.modules())
      if (const Layout layout = layout_of(*m); layout != Layout::other)
        if (const auto* weight = m->named_parameters(/*recurse=*/false).find("weight"))
          layouts[weight->unsafeGetTensorImpl()] = layout;
    std::unordered_set<const void*> seen;  // a tied weight has several names and is one parameter
    for (const auto& entry : module.named_parameters()) {
      const at::Tensor& t = entry.value();
      if (!seen.insert(t.unsafeGetTensorImpl()).second) continue;
      const auto found = layouts.find(t.unsafeGetTensorImpl());
      const Layout layout = found == layouts.end() ? Layout::other : found->second;
      if (t.requires_grad())
        parameters_.push_back(
            {t, b.parameter(entry.key(), from_torch(t),
                            {.layout = layout, .norm = layout == Layout::other ? Norm::none : norm})
                    .index});
      else  // the module keeps it as it is
        buffers_.push_back({t, b.buffer(entry.key(), from_torch(t)).index});
    }
    for (const auto& entry : module.named_buffers())
      if (seen.insert(entry.value().unsafeGetTensorImpl()).second)
        buffers_.push_back({entry.value(), b.buffer(entry.key(), from_torch(entry.value())).index});
  }

 private:
  struct Place {
    at::Tensor own;
    uint32_t index;
  };
  std::vector<Place> parameters_, buffers_;
  friend class TorchScope;
};

// While it lives, the module computes with the tensors that a call carries. They are its own, which costs a
// comparison each, except where the host measures with averaged weights: then the values are lent to its
// tensors.
class TorchScope {
 public:
  TorchScope(const TorchTensors& tensors, saddle_tensor* const* parameters, saddle_tensor* const* buffers) {
    try {
      for (const auto& [own, index] : tensors.parameters_) lend(own, parameters[index]);
      for (const auto& [own, index] : tensors.buffers_) lend(own, buffers[index]);
    } catch (...) {
      give_back();
      throw;
    }
  }
  ~TorchScope() { give_back(); }
  TorchScope(const TorchScope&) = delete;
  TorchScope& operator=(const TorchScope&) = delete;

  // Throws where a graph was recorded that would find other values than it was made with.
  void check(const at::Tensor& result) const {
    if (!lent_.empty() && result.defined() && result.requires_grad())
      throw Error("gradients were asked for through weights that are not the module's own");
  }

 private:
  struct Lent {
    at::Tensor own, data;
    bool requires_grad;
  };
  void lend(const at::Tensor& own, saddle_tensor* handle) {
    if (handle == handle_of(own)) return;
    const at::Tensor given = tensor_of(handle);
    if (!given.defined()) throw Error("a call lacks a tensor that the module declared");
    lent_.push_back({own, own.variable_data(), own.requires_grad()});
    if (own.requires_grad()) own.set_requires_grad(false);
    own.set_data(given);
    if (given.requires_grad() && at::GradMode::is_enabled())
      throw Error("gradients were asked for by weights that are not the module's own");
  }
  void give_back() noexcept {
    for (const Lent& l : lent_) {
      l.own.set_data(l.data);
      if (l.requires_grad) l.own.set_requires_grad(true);
    }
    lent_.clear();
  }
  std::vector<Lent> lent_;
};

inline void for_each_tensor(const at::Tensor& tensor, const auto& f) { f(tensor); }
inline void for_each_tensor(const std::vector<at::Tensor>& results, const auto& f) {
  for (const at::Tensor& r : results) f(r);
}
template <class... T>
void for_each_tensor(const std::tuple<T...>& results, const auto& f) {
  std::apply([&](const auto&... r) { (for_each_tensor(r, f), ...); }, results);
}
template <class A, class B>
void for_each_tensor(const std::pair<A, B>& results, const auto& f) {
  for_each_tensor(results.first, f);
  for_each_tensor(results.second, f);
}

template <size_t>
using AnyTensor = at::Tensor;
template <class M, size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires(M & m, AnyTensor<I>... t) { m.forward(t...); };
}
}  // namespace detail

// A torch::nn::Module in a component. Its parameters and buffers are declared under the names that it gave
// them, and the host trains, normalises, averages and saves these very tensors; they start with the values
// that the module gave them unless the grid asks for an `init`. Parameters that do not require grad stay as
// they are. Weights of linear, convolution and embedding modules get the norm that the grid asks for, or
// `norm`. What the module keeps beside its registered tensors is neither moved to the trial's device nor
// saved.
template <class Module>
class TorchModule {
 public:
  TorchModule(const Builder& b, std::shared_ptr<Module> module, Norm norm = Norm::none)
      : module_(std::move(module)), tensors_(b, *module_, norm) {}
  // The module is made of `args`.
  template <class... Args>
  explicit TorchModule(const Builder& b, Args&&... args)
      : TorchModule(b, std::make_shared<Module>(std::forward<Args>(args)...)) {}
  TorchModule(TorchModule&&) = default;

  // module.forward(args...), with the SDK's tensors in and out; `pass` is a Call or a Step.
  template <class Pass, class... Args>
  auto operator()(const Pass& pass, const Args&... args) const {
    return detail::from_torch_if(
        run(pass, [&](Module& m) { return m.forward(detail::to_torch_if(args)...); }));
  }

  // What `body` makes of the module, in LibTorch's tensors, while it computes with the tensors of `pass`.
  template <class Pass, class F>
  auto run(const Pass& pass, F&& body) const {
    const auto* c = pass.c();
    const detail::TorchScope scope(tensors_, c->parameters, c->buffers);
    if (module_->is_training() != (c->training != 0)) module_->train(c->training != 0);
    auto results = body(*module_);
    detail::for_each_tensor(results, [&](const at::Tensor& t) { scope.check(t); });
    return results;
  }

  Module& module() const { return *module_; }

 private:
  std::shared_ptr<Module> module_;
  detail::TorchTensors tensors_;
};

// A role of a model that is one torch::nn::Module. Its forward takes the role's inputs in their order (or
// only the first ones) and returns the outputs in theirs: a tensor, or a tuple, pair or vector of tensors.
// Inputs that the trial does not have are undefined.
//
//   struct Generator : TorchModel<MyGeneratorImpl> {
//     static Role role() { return {"generator", {"z"}, {"image"}}; }
//     explicit Generator(const Builder& b) : TorchModel(b, role(), b.fact<int64_t>("latent_size")) {}
//   };
template <class Module>
class TorchModel {
 public:
  template <class... Args>
  TorchModel(const Builder& b, Role role, Args&&... args)
      : role_(std::move(role)), module_(b, std::forward<Args>(args)...) {}

  Outputs forward(const Call& call) const {
    std::array<at::Tensor, kMost> inputs;
    const size_t count = std::min(role_.inputs.size(), kMost);
    for (size_t i = 0; i < count; ++i) inputs[i] = to_torch(call.find(role_.inputs[i].c_str()));
    Outputs outputs;
    size_t place = 0;
    const auto add = [&](const at::Tensor& t) {
      if (place >= role_.outputs.size())
        throw Error("the module returns more tensors than the role has outputs");
      if (t.defined()) outputs.emplace_back(role_.outputs[place].c_str(), from_torch(t));
      ++place;
    };
    call_with<kMost>(call, inputs, count, add);
    return outputs;
  }

  Module& module() const { return module_.module(); }

 private:
  static constexpr size_t kMost = 4;  // inputs of a role that forward can take

  template <size_t N>
  void call_with(const Call& call, const std::array<at::Tensor, kMost>& inputs, size_t count,
                 const auto& add) const {
    static_assert(N > 0, "the module's forward takes no number of tensors from 1 to 4");
    using Indices = std::make_index_sequence<N>;
    if constexpr (detail::takes<Module>(Indices())) {
      if (count >= N || !takes_fewer<N>()) {
        const auto results = module_.run(
            call, [&]<size_t... I>(std::index_sequence<I...>) {
              return [&](Module& m) { return m.forward(inputs[I]...); };
            }(Indices()));
        detail::for_each_tensor(results, add);
        return;
      }
    }
    if constexpr (takes_fewer<N>() || !detail::takes<Module>(Indices()))
      call_with<N - 1>(call, inputs, count, add);
  }
  template <size_t N>
  static constexpr bool takes_fewer() {
    if constexpr (N <= 1)
      return false;
    else
      return detail::takes<Module>(std::make_index_sequence<N - 1>()) || takes_fewer<N - 1>();
  }

  Role role_;
  TorchModule<Module> module_;
};

}  // namespace saddle
#pragma GCC visibility pop
