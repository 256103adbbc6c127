// Models: pure architecture. The host owns, initialises, normalises, trains and saves the tensors.
#pragma once
#include <saddle/component.hpp>
#include <saddle/ops.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

using Outputs = std::vector<std::pair<const char*, Tensor>>;

// One forward pass: inputs by name, and the tensors that the constructor declared.
class Call {
 public:
  explicit Call(const saddle_call* c) : c_(c) {}
  const saddle_call* c() const { return c_; }
  bool training() const { return c_->training != 0; }
  // The pass that Builder::ask_for_first_pass asked for: what starts from data is set in it.
  bool first() const { return SADDLE_HAS(saddle_call, c_, set) && c_->set; }
  void set(ParamId id, const Tensor& weight) const { detail::check(c_->set(c_, id.index, weight.handle())); }
  void set(BufferId id, const Tensor& value) const { copy_((*this)[id], value); }
  // Valid during the call; a copy of it may be kept.
  const Tensor& operator[](ParamId id) const { return detail::borrowed(c_->parameters[id.index]); }
  const Tensor& operator[](BufferId id) const { return detail::borrowed(c_->buffers[id.index]); }
  // Empty when the trial has no such input (labels of an unlabelled set).
  Tensor find(const char* name) const { return Tensor::share(c_->input(c_, name)); }
  Tensor input(const char* name) const {
    Tensor t = find(name);
    if (!t) throw Error(std::string("the model was given no input '") + name + "'");
    return t;
  }

 private:
  const saddle_call* c_;
};

namespace detail {

inline std::string role_json(const Role& role) {
  return quote(role.name) + ": {\"inputs\": " + text(role.inputs) + ", \"outputs\": " + text(role.outputs) +
         "}";
}

struct AnyModel {
  virtual ~AnyModel() = default;
  virtual Outputs forward(const Call& call) = 0;
};
template <class T>
struct ModelOf final : AnyModel {
  explicit ModelOf(const Builder& b) : model(b) {}
  Outputs forward(const Call& call) override { return model.forward(call); }
  T model;
};

// A model component: `Component` describes it, each of `Roles` plays one role.
template <class Component, class... Roles>
struct ModelTable {
  static saddle_status create(const saddle_builder* builder, void** instance) {
    return guarded([&] {
      AnyModel* made = nullptr;
      const Builder b(builder);
      (void)((Roles::role().name == b.role() && (made = new ModelOf<Roles>(b))) || ...);
      if (!made) throw Error("this model plays no role '" + std::string(b.role()) + "'");
      *instance = made;
    });
  }
  static void destroy(void* instance) { delete static_cast<AnyModel*>(instance); }
  static saddle_status forward(void* instance, const saddle_call* call) {
    return guarded([&] {
      for (const auto& [name, tensor] : static_cast<AnyModel*>(instance)->forward(Call(call)))
        check(call->output(call, name, tensor.handle()));
    });
  }
  static std::unique_ptr<Registration> make() {
    static constexpr saddle_model table{sizeof(saddle_model), create, destroy, forward};
    std::string roles;
    ((roles += (roles.empty() ? "" : ", ") + role_json(Roles::role())), ...);
    auto r = registration(Component::describe(), "model", SADDLE_KIND_MODEL, roles);
    r->component.as.model = &table;
    return r;
  }
};
}  // namespace detail
}  // namespace saddle
#pragma GCC visibility pop

// SADDLE_MODEL(Dcgan, Generator, Discriminator): Dcgan has `static Description describe()`;
// each role has `static Role role()`, a constructor from const Builder&, and `Outputs forward(const Call&)`.
#define SADDLE_MODEL(Component, ...) \
  SADDLE_REGISTER(Component, (&::saddle::detail::ModelTable<Component, __VA_ARGS__>::make))
