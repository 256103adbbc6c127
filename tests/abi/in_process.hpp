#pragma once
#include <ATen/ATen.h>
#include <saddle/tensor.hpp>

#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/operators.hpp>

// The SDK in a test program, as a plugin has it.
namespace saddle::test {

struct Sdk {
  Sdk() {
    saddle::detail::host = &worker::host_table();
    for (auto* slot : saddle::detail::operator_slots()) slot->handle = worker::resolve_operator(slot->schema);
  }
};

inline Tensor wrap(const at::Tensor& t) { return Tensor::own(worker::give(t)); }
inline at::Tensor unwrap(const Tensor& t) { return worker::share(t.handle()); }

// One more handle than before means that something was not given back.
struct NoLeak {
  int64_t before = worker::handle_count();
  bool holds() const { return worker::handle_count() == before; }
};

}  // namespace saddle::test
