// Transforms: images to images, differentiable. For augmentation of real and fake alike.
#pragma once
#include <saddle/model.hpp>

#pragma GCC visibility push(hidden)
namespace saddle::detail {
template <class T>
struct TransformTable {
  static saddle_status forward(void* instance, const saddle_call* call) {
    return guarded([&] {
      const Tensor image = Call(call).input("image");
      check(call->output(call, "image", static_cast<T*>(instance)->apply(image).handle()));
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
// `Tensor apply(const Tensor& image)`: [batch, channels, height, width] or [batch, n] in and out.
#define SADDLE_TRANSFORM(Type) SADDLE_REGISTER(Type, &::saddle::detail::TransformTable<Type>::make)
