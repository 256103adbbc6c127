// What every kind of component shares: its description, its builder, the
// registry of the plugin, and the plugin's entry.
#pragma once
#include <saddle/tensor.hpp>

#include <charconv>
#include <memory>
#include <string_view>
#include <type_traits>

#pragma GCC visibility push(hidden)
namespace saddle {

namespace detail {
inline std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char hex[] = "0123456789abcdef";
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}
inline std::string text(double v) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  return {buffer, end};
}
inline std::string text(int64_t v) { return std::to_string(v); }
inline std::string text(bool v) { return v ? "true" : "false"; }
inline std::string text(const std::string& v) { return quote(v); }
template <class T>
std::string text(const std::vector<T>& list) {
  std::string out = "[";
  for (const T& v : list) out += (out.size() > 1 ? ", " : "") + text(v);
  return out + "]";
}
template <class T>
constexpr const char* json_type() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (std::is_same_v<T, int64_t>)
    return "integer";
  else if constexpr (std::is_same_v<T, double>)
    return "number";
  else
    return "string";
}
}  // namespace detail

// One parameter of a component: name, type and default, then whatever narrows it.
class Param {
 public:
  template <class T>
  Param(std::string name, const T& value) : name_(std::move(name)) {
    if constexpr (requires { typename T::value_type; } && !std::is_same_v<T, std::string>) {
      schema_ = "\"type\": \"array\", \"items\": {\"type\": \"" +
                std::string(detail::json_type<typename T::value_type>()) + "\"}";
    } else {
      schema_ = "\"type\": \"" + std::string(detail::json_type<T>()) + "\"";
    }
    schema_ += ", \"default\": " + detail::text(value);
  }
  Param& at_least(double v) { return add("minimum", detail::text(v)); }
  Param& at_most(double v) { return add("maximum", detail::text(v)); }
  Param& above(double v) { return add("exclusiveMinimum", detail::text(v)); }
  Param& below(double v) { return add("exclusiveMaximum", detail::text(v)); }
  Param& length(int64_t n) { return add("minItems", detail::text(n)).add("maxItems", detail::text(n)); }
  Param& one_of(const std::vector<std::string>& choices) { return add("enum", detail::text(choices)); }
  Param& doc(std::string_view text) { return add("description", detail::quote(text)); }
  std::string json() const { return detail::quote(name_) + ": {" + schema_ + "}"; }

 private:
  Param& add(const char* key, const std::string& value) {
    schema_ += ", \"" + std::string(key) + "\": " + value;
    return *this;
  }
  std::string name_, schema_;
};

// param("margin", 1.0), param("width", 64), param("mode", "fast"), param("betas", {0.0, 0.9}).
inline Param param(std::string name, double v) { return {std::move(name), v}; }
inline Param param(std::string name, int v) { return {std::move(name), static_cast<int64_t>(v)}; }
inline Param param(std::string name, bool v) { return {std::move(name), v}; }
inline Param param(std::string name, const char* v) { return {std::move(name), std::string(v)}; }
inline Param param(std::string name, const std::vector<int64_t>& v) { return {std::move(name), v}; }
inline Param param(std::string name, const std::vector<double>& v) { return {std::move(name), v}; }

// What a model plays: the names of its inputs and of all outputs it may have.
struct Role {
  std::string name = {};
  std::vector<std::string> inputs = {}, outputs = {};
};

// What a component says of itself, before any instance exists.
struct Description {
  std::string name = {};      // as in `use`
  std::string version = "1";  // raise it when results change: it is part of a trial's identity
  std::string doc = {};       // one or two sentences, with the source
  std::vector<Param> params = {};
  // Losses: "MODEL.OUTPUT", "label", and "gradient:real.image" for a gradient with respect to an input. What
  // stands in braces is a parameter of text, whose value takes its place: "{model}.features".
  std::vector<std::string> needs = {"discriminator.logit"};
  bool ordered = false;  // metrics: the order of the samples counts
  // Metrics: those of its values of which more is better; of all others less is. `saddle best` ranks by it.
  std::vector<std::string> higher = {};
  // Gradients are deliberately not those of the values: stop-gradient, straight-through estimators.
  bool surrogate_gradient = false;
};

class Builder;

// A shape, initialiser and normalisation; the host makes the tensor.
struct Init {
  int32_t kind;
  double a = 0, b = 0;
};
namespace init {
inline Init zeros() { return {SADDLE_INIT_ZEROS}; }
inline Init constant(double v) { return {SADDLE_INIT_CONSTANT, v}; }
inline Init normal(double mean, double deviation) { return {SADDLE_INIT_NORMAL, mean, deviation}; }
inline Init uniform(double from, double to) { return {SADDLE_INIT_UNIFORM, from, to}; }
inline Init xavier_uniform(double gain = 1) { return {SADDLE_INIT_XAVIER_UNIFORM, gain}; }
inline Init xavier_normal(double gain = 1) { return {SADDLE_INIT_XAVIER_NORMAL, gain}; }
inline Init he_uniform(double gain = 1.4142135623730951) { return {SADDLE_INIT_HE_UNIFORM, gain}; }
inline Init he_normal(double gain = 1.4142135623730951) { return {SADDLE_INIT_HE_NORMAL, gain}; }
inline Init orthogonal(double gain = 1) { return {SADDLE_INIT_ORTHOGONAL, gain}; }
}  // namespace init

enum class Layout : int32_t {
  other = SADDLE_LAYOUT_OTHER,
  linear = SADDLE_LAYOUT_LINEAR,
  conv = SADDLE_LAYOUT_CONV,
  conv_transpose = SADDLE_LAYOUT_CONV_TRANSPOSE,
  embedding = SADDLE_LAYOUT_EMBEDDING
};
enum class Norm : int32_t {
  none = SADDLE_NORM_NONE,
  spectral = SADDLE_NORM_SPECTRAL,
  weight = SADDLE_NORM_WEIGHT
};

struct ParamOptions {
  Layout layout = Layout::other;
  Init init = init::zeros();
  Norm norm = Norm::none;
};

// Places in the arrays of parameters and buffers that every later call carries.
struct ParamId {
  uint32_t index = UINT32_MAX;
};
struct BufferId {
  uint32_t index = UINT32_MAX;
};

// Passed to a component's constructor: its parameters, the facts of the trial,
// and the place to declare tensors. Constructors compute nothing.
class Builder {
 public:
  explicit Builder(const saddle_builder* c, std::string scope = {}) : c_(c), scope_(std::move(scope)) {}

  std::string_view role() const { return c_->role; }
  // A parameter of the component. T: double, int64_t, int, bool, std::string, or a vector of the first two.
  template <class T>
  T get(const char* name) const {
    return convert<T>(read(c_->get, name), name);
  }
  bool has_fact(const char* name) const { return read(c_->fact, name).tag != SADDLE_NONE; }
  // A fact of the trial; abi.h lists them.
  template <class T>
  T fact(const char* name) const {
    return convert<T>(read(c_->fact, name), name);
  }
  std::vector<int64_t> sample_shape() const { return fact<std::vector<int64_t>>("sample_shape"); }

  // A builder whose names start with `name.`.
  Builder scope(std::string_view name) const { return Builder(c_, path(name) + "."); }

  ParamId parameter(std::string_view name, const IntList& shape, const ParamOptions& options = {}) const {
    return declare(name, shape, options, nullptr);
  }
  BufferId buffer(std::string_view name, const IntList& shape, double value) const {
    return declare(name, shape, value, nullptr);
  }
  // A model's: Call::first() will be true in one pass, on the trial's first batch, before the first round.
  void ask_for_first_pass() const {
    if (!SADDLE_HAS(saddle_builder, c_, first_pass) || !c_->first_pass)
      throw Error("this host is too old to show models a first batch");
    detail::check(c_->first_pass(c_));
  }
  // Tensors with which the component itself computes, whatever the call carries: abi.h, saddle_parameter.own.
  ParamId parameter(std::string_view name, const Tensor& own, const ParamOptions& options = {}) const {
    return declare(name, own.sizes(), options, own.handle());
  }
  BufferId buffer(std::string_view name, const Tensor& own) const {
    return declare(name, own.sizes(), 0.0, own.handle());
  }

 private:
  using Reader = saddle_status (*)(const saddle_builder*, const char*, saddle_value*);
  std::string path(std::string_view name) const { return scope_ + std::string(name); }
  ParamId declare(std::string_view name, const IntList& shape, const ParamOptions& options,
                  saddle_tensor* own) const {
    const std::string full = path(name);
    saddle_parameter spec{};
    spec.struct_size = sizeof spec;
    spec.dim = shape.count();
    spec.name = full.c_str();
    spec.sizes = shape.data();
    spec.layout = static_cast<int32_t>(options.layout);
    spec.init = options.init.kind;
    spec.a = options.init.a;
    spec.b = options.init.b;
    spec.norm = static_cast<int32_t>(options.norm);
    spec.own = own;
    ParamId id;
    detail::check(c_->parameter(c_, &spec, &id.index));
    return id;
  }
  BufferId declare(std::string_view name, const IntList& shape, double value, saddle_tensor* own) const {
    const std::string full = path(name);
    saddle_buffer spec{};
    spec.struct_size = sizeof spec;
    spec.dim = shape.count();
    spec.name = full.c_str();
    spec.sizes = shape.data();
    spec.value = value;
    spec.own = own;
    BufferId id;
    detail::check(c_->buffer(c_, &spec, &id.index));
    return id;
  }
  saddle_value read(Reader reader, const char* name) const {
    saddle_value value{};
    detail::check(reader(c_, name, &value));
    return value;
  }
  template <class T>
  static T convert(const saddle_value& v, const char* name) {
    if constexpr (std::is_same_v<T, bool>) {
      if (v.tag == SADDLE_BOOL) return v.as.i != 0;
    } else if constexpr (std::is_integral_v<T>) {
      if (v.tag == SADDLE_INT) return static_cast<T>(v.as.i);
    } else if constexpr (std::is_floating_point_v<T>) {
      if (v.tag == SADDLE_DOUBLE) return v.as.d;
      if (v.tag == SADDLE_INT) return static_cast<T>(v.as.i);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (v.tag == SADDLE_STRING) return v.as.string;
    } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
      if (v.tag == SADDLE_INT_LIST) return {v.as.ints, v.as.ints + v.count};
    } else {
      static_assert(std::is_same_v<T, std::vector<double>>, "not a type of parameters");
      if (v.tag == SADDLE_DOUBLE_LIST) return {v.as.doubles, v.as.doubles + v.count};
      if (v.tag == SADDLE_INT_LIST) return {v.as.ints, v.as.ints + v.count};
    }
    throw Error(std::string(v.tag == SADDLE_NONE ? "nothing is known under the name '"
                                                 : "another type was asked for than is kept under '") +
                name + "'");
  }
  const saddle_builder* c_;
  std::string scope_;
};

namespace detail {

// The text of an exception. torch.hpp replaces it by one that knows LibTorch's.
inline const char* (*text_of)(const std::exception& e) = [](const std::exception& e) { return e.what(); };

// Runs code of the component for the host: no exception gets out.
template <class F>
saddle_status guarded(F&& body) noexcept {
  try {
    body();
    return SADDLE_OK;
  } catch (const Cancelled& e) {
    host->set_error(e.what());
    return SADDLE_CANCELLED;
  } catch (const std::exception& e) {
    host->set_error(text_of(e));
  } catch (...) {
    host->set_error("an exception that is not a std::exception");
  }
  return SADDLE_ERROR;
}

template <class T>
saddle_status create(const saddle_builder* builder, void** instance) {
  return guarded([&] { *instance = new T(Builder(builder)); });
}
template <class T>
void destroy(void* instance) {
  delete static_cast<T*>(instance);
}

inline std::string describe(const Description& d, const char* kind, const std::string& roles) {
  std::string params;
  for (const Param& p : d.params) params += (params.empty() ? "" : ", ") + p.json();
  std::string higher;
  for (const std::string& name : d.higher) higher += (higher.empty() ? "" : ", ") + quote(name);
  return "{\"kind\": " + quote(kind) + ", \"name\": " + quote(d.name) + ", \"version\": " + quote(d.version) +
         ", \"doc\": " + quote(d.doc) +
         ", \"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {" +
         params + "}}, \"roles\": {" + roles + "}" + (d.ordered ? ", \"ordered\": true" : "") +
         (higher.empty() ? "" : ", \"higher\": [" + higher + "]") +
         (d.surrogate_gradient ? ", \"surrogate_gradient\": true" : "") + "}";
}

// A component with the text that its C struct points to.
struct Registration {
  saddle_component component{};
  std::string name, description;
};
inline std::vector<std::unique_ptr<Registration>>& registry() {
  static std::vector<std::unique_ptr<Registration>> components;
  return components;
}
// Components are described when the host asks for the plugin, not while it is being opened.
inline std::vector<std::unique_ptr<Registration> (*)()>& makers() {
  static std::vector<std::unique_ptr<Registration> (*)()> list;
  return list;
}
inline std::unique_ptr<Registration> registration(const Description& d, const char* kind, int32_t id,
                                                  const std::string& roles = {}) {
  auto r = std::make_unique<Registration>();
  r->name = d.name;
  r->description = describe(d, kind, roles);
  r->component.struct_size = sizeof r->component;
  r->component.kind = id;
  r->component.name = r->name.c_str();
  r->component.description = r->description.c_str();
  return r;
}
struct Registrar {
  explicit Registrar(std::unique_ptr<Registration> (*maker)()) { makers().push_back(maker); }
};

// The first of the host's functions that this plugin needs and the host, being older, lacks; or null.
inline const char* missing_function(const saddle_host* table) {
#define SADDLE_NEED(function) \
  if (!SADDLE_HAS(saddle_host, table, function) || !table->function) return #function
  SADDLE_NEED(set_error);
  SADDLE_NEED(last_error);
  SADDLE_NEED(extension);
  if (operator_slots().empty()) return nullptr;  // a data set has nothing to do with tensors
  SADDLE_NEED(call);
  SADDLE_NEED(retain);
  SADDLE_NEED(release);
  SADDLE_NEED(sizes);
  SADDLE_NEED(dtype);
  SADDLE_NEED(requires_grad);
  SADDLE_NEED(data);
  SADDLE_NEED(from_data);
  SADDLE_NEED(item);
  SADDLE_NEED(grad);
  SADDLE_NEED(set_grad_enabled);
#undef SADDLE_NEED
  return nullptr;
}

// Throws for what this host, being older than the plugin, does not have.
inline void check_host(const saddle_host* table) {
  if (const char* function = missing_function(table))
    throw Error(std::string("needs the host's function '") + function + "', which this older host lacks");
  for (const char* id : extension_ids())  // a host that knows saddle_plugin.extensions asks as well
    if (!table->extension(id))
      throw Error(std::string("needs the extension ") + id + ", which this host lacks");
}

inline const saddle_plugin* plugin(const saddle_host* table) noexcept {
  if (!SADDLE_HAS(saddle_host, table, set_error) || !table->set_error) return nullptr;
  host = table;
  static saddle_plugin description{};
  static std::vector<const saddle_component*> components;
  const saddle_status status = guarded([] {
    check_host(host);
    for (const auto make : makers()) {
      registry().push_back(make());
      components.push_back(&registry().back()->component);
    }
    makers().clear();
    description.struct_size = sizeof description;
    description.abi_version = SADDLE_ABI_VERSION;
    description.name = components.empty() ? "" : components.front()->name;
    description.version = "1";
    description.component_count = static_cast<uint32_t>(components.size());
    description.components = components.data();
    description.operator_count = static_cast<uint32_t>(operator_slots().size());
    description.operators = operator_slots().data();
    description.extension_count = static_cast<uint32_t>(extension_ids().size());
    description.extensions = extension_ids().data();
  });
  return status == SADDLE_OK ? &description : nullptr;
}

}  // namespace detail
}  // namespace saddle
#pragma GCC visibility pop

// The plugin's one exported symbol. Inline, so that several source files may include this header.
extern "C" __attribute__((visibility("default"), used)) inline const saddle_plugin* saddle_plugin_v1(
    const saddle_host* host) {
  return saddle::detail::plugin(host);
}

#define SADDLE_REGISTER(Type, make) static const ::saddle::detail::Registrar saddle_registrar_##Type{make};
