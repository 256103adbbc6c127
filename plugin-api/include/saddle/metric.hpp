// Metrics: two sets of samples in, named numbers out. The host prepares the sets and keeps the protocol.
#pragma once
#include <saddle/component.hpp>
#include <saddle/ops.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

struct Samples {
  Tensor features;  // [count, n] float32 in host memory: pixels, points, or a model's output
  Tensor labels;    // [count] int64, or empty
};
using Numbers = std::vector<std::pair<const char*, double>>;

namespace detail {
template <class T>
struct MetricTable {
  static Samples samples(const saddle_samples* s) {
    return {Tensor::share(s->features), Tensor::share(s->labels)};
  }
  static saddle_status reference(void* instance, const saddle_samples* real) {
    return guarded([&] { static_cast<T*>(instance)->reference(samples(real)); });
  }
  static saddle_status measure(void* instance, const saddle_samples* fake, const saddle_report* report) {
    return guarded([&] {
      for (const auto& [name, value] : static_cast<T*>(instance)->measure(samples(fake)))
        check(report->number(report, name, value));
    });
  }
  static std::unique_ptr<Registration> make() {
    static constexpr saddle_metric table{sizeof(saddle_metric), create<T>, destroy<T>, reference, measure};
    auto r = registration(T::describe(), "metric", SADDLE_KIND_METRIC);
    r->component.as.metric = &table;
    return r;
  }
};
}  // namespace detail
}  // namespace saddle
#pragma GCC visibility pop

// The type has `static Description describe()`, a constructor from const Builder&, `void reference(const
// Samples& real)` (keep here what is costly), and `Numbers measure(const Samples& fake)`.
#define SADDLE_METRIC(Type) SADDLE_REGISTER(Type, &::saddle::detail::MetricTable<Type>::make)
