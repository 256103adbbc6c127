// Losses: a formula for each player. The host weights, sums, differentiates and records the terms.
#pragma once
#include <saddle/component.hpp>
#include <saddle/ops.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

using Terms = std::vector<std::pair<const char*, Tensor>>;  // name, scalar
using Inputs = std::vector<std::pair<const char*, Tensor>>;

// A parameter of a model of the game.
struct ModelParameter {
  std::string name;
  Layout layout;
  Norm norm;
  bool trained;   // it belongs to the player that is being updated, and terms may depend on it
  Tensor weight;  // as the model computes with it, normalised
  Tensor raw;     // as the optimiser moves it; the same tensor where there is no norm
};

// One update of one player. Outputs are computed when first asked for and kept for the update.
class Step {
 public:
  explicit Step(const saddle_step* c) : c_(c) {}
  const saddle_step* c() const { return c_; }
  std::string_view role() const { return c_->role; }
  int64_t round() const { return c_->round; }

  // A tensor of a sample, as "real.image"; empty when the trial has none.
  Tensor find(const char* name) const {
    saddle_tensor* t = nullptr;
    detail::check(c_->input(c_, name, &t));
    return Tensor::share(t);
  }
  Tensor input(const char* name) const {
    Tensor t = find(name);
    if (!t) throw Error(std::string("the trial has no '") + name + "'");
    return t;
  }
  Tensor output(const char* model, const char* sample, const char* name) const {
    saddle_tensor* t = nullptr;
    detail::check(c_->output(c_, model, sample, name, &t));
    return Tensor::share(t);
  }
  Tensor real(const char* name) const { return output("discriminator", "real", name); }
  Tensor fake(const char* name) const { return output("discriminator", "fake", name); }

  // Runs a model on inputs made here; inputs that are empty are left out.
  Tensor run(const char* model, const Inputs& inputs, const char* name) const {
    return std::move(run(model, inputs, std::vector<const char*>{name})[0]);
  }
  // The same for several outputs of one pass, in the order of `names`.
  std::vector<Tensor> run(const char* model, const Inputs& inputs,
                          const std::vector<const char*>& names) const {
    std::vector<saddle_named_tensor> given;
    for (const auto& [input, tensor] : inputs)
      if (tensor) given.push_back({input, tensor.handle()});
    std::vector<saddle_tensor*> results(names.size());
    detail::check(c_->run(c_, model, given.data(), static_cast<uint32_t>(given.size()), names.data(),
                          static_cast<uint32_t>(names.size()), results.data()));
    std::vector<Tensor> outputs;
    outputs.reserve(results.size());
    for (saddle_tensor* result : results) outputs.push_back(Tensor::own(result));
    return outputs;
  }
  // The parameters of a model, for penalties on weights.
  std::vector<ModelParameter> model_parameters(const char* model) const {
    std::vector<ModelParameter> all;
    if (!SADDLE_HAS(saddle_step, c_, model_parameter) || !c_->model_parameter)
      throw Error("this older host shows losses no parameters of models");
    for (uint32_t i = 0;; ++i) {
      saddle_model_parameter p{};
      p.struct_size = sizeof p;
      detail::check(c_->model_parameter(c_, model, i, &p));
      if (!p.name) return all;
      all.push_back({p.name, static_cast<Layout>(p.layout), static_cast<Norm>(p.norm), p.trained != 0,
                     Tensor::share(p.weight), Tensor::share(p.raw)});
    }
  }
  // Valid during the call; a copy of it may be kept.
  const Tensor& operator[](ParamId id) const { return detail::borrowed(c_->parameters[id.index]); }
  const Tensor& operator[](BufferId id) const { return detail::borrowed(c_->buffers[id.index]); }

 private:
  const saddle_step* c_;
};

namespace detail {
template <class T>
concept HasDiscriminator = requires(T t, Step& s) {
  t.discriminator(s);
};
template <class T>
concept HasGenerator = requires(T t, Step& s) {
  t.generator(s);
};
template <class T>
concept HasRoles = requires(T t, Step& s) {
  T::roles();
  t.compute(s);
};

template <class T>
struct LossTable {
  static Terms terms(T& loss, Step& step) {
    if constexpr (HasRoles<T>) return loss.compute(step);
    if constexpr (HasDiscriminator<T>)
      if (step.role() == "discriminator") return loss.discriminator(step);
    if constexpr (HasGenerator<T>)
      if (step.role() == "generator") return loss.generator(step);
    return {};
  }
  static saddle_status compute(void* instance, const saddle_step* step) {
    return guarded([&] {
      Step s(step);
      for (const auto& [name, value] : terms(*static_cast<T*>(instance), s))
        check(step->term(step, name, value.handle()));
    });
  }
  static std::vector<std::string> role_names() {
    if constexpr (HasRoles<T>) return T::roles();
    std::vector<std::string> names;
    if constexpr (HasDiscriminator<T>) names.push_back("discriminator");
    if constexpr (HasGenerator<T>) names.push_back("generator");
    return names;
  }
  static std::unique_ptr<Registration> make() {
    static constexpr saddle_loss table{sizeof(saddle_loss), create<T>, destroy<T>, compute};
    const Description d = T::describe();
    std::string roles;
    for (const std::string& role : role_names())
      roles += (roles.empty() ? "" : ", ") + quote(role) + ": {\"needs\": " + text(d.needs) + "}";
    auto r = registration(d, "loss", SADDLE_KIND_LOSS, roles);
    r->component.as.loss = &table;
    return r;
  }
};
}  // namespace detail
}  // namespace saddle
#pragma GCC visibility pop

// The type has `static Description describe()`, a constructor from const Builder&, and for each player it
// speaks to a method of that name: `Terms discriminator(Step&)`, `Terms generator(Step&)`. For other players
// it has `static std::vector<std::string> roles()` and `Terms compute(Step&)`, which asks step.role().
#define SADDLE_LOSS(Type) SADDLE_REGISTER(Type, &::saddle::detail::LossTable<Type>::make)
