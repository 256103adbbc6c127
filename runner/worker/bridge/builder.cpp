#include <bridge/builder.hpp>

#include <algorithm>

#include <bridge/complete.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

template <class T>
T whole(const T* spec) {
  if (!spec || !is_long_enough(*spec))
    throw Error("what is declared has struct_size " + std::to_string(spec ? spec->struct_size : 0) +
                ", less than the " + std::to_string(kFirstSize<T>) + " of ABI version 1");
  return complete(*spec);
}

at::Tensor own_tensor(const std::string& who, const saddle_tensor* handle,
                      const std::vector<int64_t>& shape) {
  at::Tensor tensor = share(handle);
  if (tensor.sizes() != at::IntArrayRef(shape))
    throw Error(who + ": its own tensor has other sizes than it says");
  return tensor;
}

}  // namespace

HostBuilder::HostBuilder(const std::string& role, const nlohmann::json& config, const nlohmann::json& facts,
                         Declared* declared)
    : role_(role), config_text_(config.dump()), config_(config), facts_(facts), declared_(declared) {
  c_.struct_size = sizeof c_;
  c_.context = this;
  c_.role = role_.c_str();
  c_.config = config_text_.c_str();
  c_.get = [](const saddle_builder* b, const char* name, saddle_value* v) {
    return guarded([&] { *v = self(b).value(self(b).config_, name); });
  };
  c_.fact = [](const saddle_builder* b, const char* name, saddle_value* v) {
    return guarded([&] { *v = self(b).value(self(b).facts_, name); });
  };
  c_.parameter = [](const saddle_builder* b, const saddle_parameter* spec, uint32_t* index) {
    return guarded([&] { self(b).parameter(whole(spec), index); });
  };
  c_.buffer = [](const saddle_builder* b, const saddle_buffer* spec, uint32_t* index) {
    return guarded([&] { self(b).buffer(whole(spec), index); });
  };
  c_.first_pass = [](const saddle_builder* b) {
    return guarded([&] {
      if (!self(b).declared_) throw Error("this kind of component has no first pass");
      self(b).declared_->first_pass = true;
    });
  };
}

saddle_value HostBuilder::value(const nlohmann::json& object, const char* name) {
  saddle_value v{SADDLE_NONE, 0, {}};
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return v;
  const nlohmann::json& j = *found;
  if (j.is_boolean()) {
    v.tag = SADDLE_BOOL;
    v.as.i = j.get<bool>();
  } else if (j.is_number_integer()) {
    v.tag = SADDLE_INT;
    v.as.i = j.get<int64_t>();
  } else if (j.is_number()) {
    v.tag = SADDLE_DOUBLE;
    v.as.d = j.get<double>();
  } else if (j.is_string()) {
    texts_.push_back(j.get<std::string>());
    v.tag = SADDLE_STRING;
    v.as.string = texts_.back().c_str();
  } else if (j.is_array()) {
    v.count = static_cast<uint32_t>(j.size());
    const auto all = [&](auto&& is) { return std::all_of(j.begin(), j.end(), is); };
    if (all([](const auto& e) { return e.is_number_integer(); })) {
      v.tag = SADDLE_INT_LIST;
      v.as.ints = ints_.emplace_back(j.get<std::vector<int64_t>>()).data();
    } else if (all([](const auto& e) { return e.is_number(); })) {
      v.tag = SADDLE_DOUBLE_LIST;
      v.as.doubles = doubles_.emplace_back(j.get<std::vector<double>>()).data();
    } else if (all([](const auto& e) { return e.is_string(); })) {
      auto& list = strings_.emplace_back();
      for (const auto& e : j) list.push_back(texts_.emplace_back(e.get<std::string>()).c_str());
      v.tag = SADDLE_STRING_LIST;
      v.as.strings = list.data();
    } else {
      throw Error(std::string("'") + name +
                  "' is a list of mixed types, which only the `config` text can give");
    }
  } else {
    throw Error(std::string("'") + name + "' is an object, which only the `config` text can give");
  }
  return v;
}

void HostBuilder::parameter(const saddle_parameter& spec, uint32_t* index) {
  using train::InitKind;
  if (!declared_) throw Error("this kind of component has no parameters of its own");
  if (!spec.name || !*spec.name) throw Error("a parameter without a name");
  const std::string name = spec.name;
  if (spec.dim && !spec.sizes) throw Error("parameter '" + name + "' has no sizes");
  constexpr InitKind kinds[] = {InitKind::zeros,      InitKind::constant,       InitKind::normal,
                                InitKind::uniform,    InitKind::xavier_uniform, InitKind::xavier_normal,
                                InitKind::he_uniform, InitKind::he_normal,      InitKind::orthogonal};
  constexpr train::Layout layouts[] = {train::Layout::other, train::Layout::linear, train::Layout::conv,
                                       train::Layout::conv_transpose, train::Layout::embedding};
  if (spec.init < 0 || spec.init >= static_cast<int32_t>(std::size(kinds)))
    throw Error("parameter '" + name + "' asks for the unknown initialiser " + std::to_string(spec.init));
  if (spec.layout < 0 || spec.layout >= static_cast<int32_t>(std::size(layouts)))
    throw Error("parameter '" + name + "' has the unknown layout " + std::to_string(spec.layout));
  if (spec.norm < SADDLE_NORM_NONE || spec.norm > SADDLE_NORM_WEIGHT)
    throw Error("parameter '" + name + "' asks for the unknown norm " + std::to_string(spec.norm));
  train::ParameterSpec p;
  p.name = name;
  p.shape.assign(spec.sizes, spec.sizes + spec.dim);
  for (const int64_t size : p.shape)
    if (size < 1) throw Error("parameter '" + name + "' has a dimension of size " + std::to_string(size));
  p.layout = layouts[spec.layout];
  p.init = {kinds[spec.init], spec.a, spec.b};
  p.norm = static_cast<train::Norm>(spec.norm);
  if (spec.own) {
    p.own = own_tensor("parameter '" + name + "'", spec.own, p.shape);
    if (!at::isFloatingType(p.own.scalar_type()) || !p.own.is_leaf())
      throw Error("parameter '" + name + "': its own tensor is not a leaf of floating point numbers");
    p.init = train::Init::own();
  }
  for (const auto& other : declared_->parameters)
    if (other.name == name) throw Error("parameter '" + name + "' is declared twice");
  *index = static_cast<uint32_t>(declared_->parameters.size());
  declared_->parameters.push_back(std::move(p));
}

void HostBuilder::buffer(const saddle_buffer& spec, uint32_t* index) {
  if (!declared_) throw Error("this kind of component has no buffers of its own");
  if (!spec.name || !*spec.name) throw Error("a buffer without a name");
  train::BufferSpec b;
  b.name = spec.name;
  b.shape.assign(spec.sizes, spec.sizes + spec.dim);
  b.value = spec.value;
  if (spec.own) {
    b.own = own_tensor("buffer '" + b.name + "'", spec.own, b.shape);
    b.dtype = b.own.scalar_type();
  }
  for (const auto& other : declared_->buffers)
    if (other.name == b.name) throw Error("buffer '" + b.name + "' is declared twice");
  *index = static_cast<uint32_t>(declared_->buffers.size());
  declared_->buffers.push_back(std::move(b));
}

}  // namespace saddle::worker
