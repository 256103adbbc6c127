// Transforms: images to images, differentiable. For augmentation of real and fake alike.
#pragma once
#include <saddle/model.hpp>

#pragma GCC visibility push(hidden)
namespace saddle::detail {
template <class T>
struct TransformTable {
  static saddle_status forward(void* instance, const saddle_call* call) {
    return guarded([&] {
      const Call c(call);
      const Tensor image = c.input("image");
      auto& transform = *static_cast<T*>(instance);
      if constexpr (requires { transform.apply(image, c); })
        check(call->output(call, "image", transform.apply(image, c).handle()));
      else
        check(call->output(call, "image", transform.apply(image).handle()));
    });
  }
  static std::unique_ptr<Registration> make() {
    static constexpr saddle_model table{sizeof(saddle_model), create<T>, destroy<T>, forward};
    auto r = registration(T::describe(), "transform", SADDLE_KIND_TRANSFORM);
    r->component.as.model = &table;
    return r;
  }
};
}  // namespace saddle::detail
#pragma GCC visibility pop

// The type has `static Description describe()`, a constructor from const Builder&, and
// `Tensor apply(const Tensor& image)`: [batch, channels, height, width] or [batch, n] in and out. One that
// remembers declares buffers and has `Tensor apply(const Tensor& image, const Call& call)`: call[buffer], and
// call.find("real_logit"), the discriminator's latest logits of real samples, which come once.
#define SADDLE_TRANSFORM(Type) SADDLE_REGISTER(Type, &::saddle::detail::TransformTable<Type>::make)
