// A host without tensors: enough to load a plugin, create its components and
// read data sets. For tests of what never calls an operator.
#pragma once
#include <saddle/abi.h>

#include <dlfcn.h>

#include <cstring>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace plain_host {

inline std::string& last_message() {
  thread_local std::string message;
  return message;
}

inline const saddle_host& host() {
  static const saddle_host table = [] {
    saddle_host h{};
    h.struct_size = sizeof h;
    h.abi_version = SADDLE_ABI_VERSION;
    h.set_error = [](const char* message) { last_message() = message; };
    h.last_error = [] { return last_message().c_str(); };
    h.log = [](int32_t, const char*) {};
    h.extension = [](const char*) -> const void* { return nullptr; };
    h.retain = [](saddle_tensor*) {};
    h.release = [](saddle_tensor*) {};
    return h;
  }();
  return table;
}

inline void check(saddle_status status) {
  if (status != SADDLE_OK) throw std::runtime_error(last_message());
}

// JSON as the ABI's values. What lists and strings point to lives as long as this object.
class Values {
 public:
  explicit Values(nlohmann::json values) : values_(std::move(values)) {}
  saddle_value find(const std::string& name) {
    saddle_value v{};
    const auto it = values_.find(name);
    if (it == values_.end()) return v;
    if (it->is_boolean()) {
      v.tag = SADDLE_BOOL;
      v.as.i = it->get<bool>();
    } else if (it->is_number_integer()) {
      v.tag = SADDLE_INT;
      v.as.i = it->get<int64_t>();
    } else if (it->is_number()) {
      v.tag = SADDLE_DOUBLE;
      v.as.d = it->get<double>();
    } else if (it->is_string()) {
      v.tag = SADDLE_STRING;
      v.as.string = strings_.emplace_back(it->get<std::string>()).c_str();
    } else {
      v.tag = SADDLE_DOUBLE_LIST;
      v.as.doubles = lists_.emplace_back(it->get<std::vector<double>>()).data();
      v.count = static_cast<uint32_t>(it->size());
    }
    return v;
  }

 private:
  nlohmann::json values_;
  std::deque<std::string> strings_;
  std::deque<std::vector<double>> lists_;
};

// A builder over given parameters and facts.
struct PlainBuilder {
  PlainBuilder(const nlohmann::json& parameters, const nlohmann::json& facts_json)
      : params(parameters), facts(facts_json), config(parameters.dump()) {
    builder.struct_size = sizeof builder;
    builder.context = this;
    builder.role = "";
    builder.config = config.c_str();
    builder.get = [](const saddle_builder* b, const char* name, saddle_value* value) -> saddle_status {
      *value = static_cast<PlainBuilder*>(b->context)->params.find(name);
      return SADDLE_OK;
    };
    builder.fact = [](const saddle_builder* b, const char* name, saddle_value* value) -> saddle_status {
      *value = static_cast<PlainBuilder*>(b->context)->facts.find(name);
      return SADDLE_OK;
    };
  }
  PlainBuilder(const PlainBuilder&) = delete;
  PlainBuilder& operator=(const PlainBuilder&) = delete;
  Values params, facts;
  std::string config;
  saddle_builder builder{};
};

// The one component of a plugin file.
class Component {
 public:
  explicit Component(const std::string& file) {
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<saddle_plugin_entry>(dlsym(library, SADDLE_ENTRY_NAME));
    if (!entry) throw std::runtime_error(file + " has no " SADDLE_ENTRY_NAME);
    // One entry call a process: tests ask for the same file again and again.
    static std::map<void*, const saddle_plugin*> loaded;
    if (!loaded.contains(library)) loaded[library] = entry(&host());
    plugin_ = loaded[library];
    if (!plugin_) throw std::runtime_error(last_message());
    description_ = nlohmann::json::parse(component().description);
  }
  const saddle_plugin& plugin() const { return *plugin_; }
  const saddle_component& component() const { return *plugin_->components[0]; }
  const nlohmann::json& description() const { return description_; }
  // Every parameter with its default, those given instead.
  nlohmann::json parameters(const nlohmann::json& given) const {
    nlohmann::json all = nlohmann::json::object();
    const auto& schema = description_.at("parameters").at("properties");
    for (const auto& [name, param] : schema.items()) all[name] = param.at("default");
    for (const auto& [name, value] : given.items()) {
      if (!schema.contains(name)) throw std::runtime_error("no parameter " + name);
      all[name] = value;
    }
    return all;
  }

 private:
  const saddle_plugin* plugin_;
  nlohmann::json description_;
};

// An instance of a data set. Failures are std::runtime_error with the plugin's message.
class Dataset {
 public:
  Dataset(const std::string& file, const nlohmann::json& given, const nlohmann::json& facts)
      : component_(file), builder_(component_.parameters(given), facts) {
    if (component_.component().kind != SADDLE_KIND_DATASET) throw std::runtime_error("not a data set");
    table_ = component_.component().as.dataset;
    check(table_->create(&builder_.builder, &instance_));
    info_.struct_size = sizeof info_;
    check(table_->info(instance_, &info_));
  }
  ~Dataset() {
    if (instance_) table_->destroy(instance_);
  }
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  const saddle_dataset_info& info() const { return info_; }
  std::vector<int64_t> shape() const { return {info_.shape, info_.shape + info_.dim}; }
  int64_t numel() const {
    int64_t n = 1;
    for (const int64_t s : shape()) n *= s;
    return n;
  }
  nlohmann::json facts() const { return nlohmann::json::parse(info_.facts); }

  // Samples one after the other; `labels` may be null.
  template <class T>
  std::vector<T> read(uint32_t split, const std::vector<int64_t>& indices,
                      std::vector<int64_t>* labels = nullptr) const {
    std::vector<T> out(indices.size() * static_cast<size_t>(numel()));
    if (labels) labels->assign(indices.size(), -1);
    check(table_->fill(instance_, split, indices.data(), static_cast<int64_t>(indices.size()), out.data(),
                       labels ? labels->data() : nullptr));
    return out;
  }

 private:
  Component component_;
  PlainBuilder builder_;
  const saddle_dataset* table_ = nullptr;
  void* instance_ = nullptr;
  saddle_dataset_info info_{};
};

}  // namespace plain_host
