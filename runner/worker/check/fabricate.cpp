#include <check/fabricate.hpp>

#include <cstring>

#include <check/report.hpp>
#include <common/sha256.hpp>
#include <game/trial.hpp>
#include <grid/schema.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

using nlohmann::json;

Case make_case(std::vector<int64_t> shape, int64_t classes, const json& given) {
  Case c{"",
         {{"sample_shape", std::move(shape)},
          {"classes", classes},
          {"latent_size", 6},
          {"batch", kBatch},
          {"precision", "float32"},
          {"pass", "separate"},
          {"models", {"discriminator", "generator"}},
          {"shape.discriminator.features", {kFeatures}},
          {"data_folder", data_folder()}}};
  if (c.facts["sample_shape"].size() == 1) {
    // What a toy set states of itself (plugins/datasets/gaussians.cpp): four modes on the axes.
    const auto n = c.facts["sample_shape"][0].get<size_t>();
    std::vector<double> modes(4 * n);
    for (size_t m = 0; m < 4; ++m) modes[m * n + m % 2 % n] = m < 2 ? 1 : -1;
    c.facts["dataset.modes"] = modes;
    c.facts["dataset.deviation"] = 0.1;
  }
  for (const auto& [key, value] : given.items()) c.facts[key] = value;
  // The weights of FabricatedGame: of each input, and of the output that model_parameter() makes.
  int64_t numbers = 1;
  for (const int64_t s : sample_shape(c)) numbers *= s;
  const int64_t labels = c.facts["classes"].get<int64_t>(), z = c.facts["latent_size"].get<int64_t>();
  c.facts["parameters.generator"] = kFeatures * (z + labels + numbers);
  c.facts["parameters.discriminator"] = kFeatures * (numbers + labels + 1);
  const auto shape_now = sample_shape(c);
  const auto classes_now = c.facts["classes"].get<int64_t>();
  c.name = shape_now.size() == 1 ? "points of " + std::to_string(shape_now[0]) : shape_name(shape_now);
  if (classes_now > 0) c.name += " with " + std::to_string(classes_now) + " classes";
  return c;
}

// Other values that a parameter may have, likely to be allowed.
std::vector<json> other_values(const json& schema, const json& value) {
  std::vector<json> others;
  if (schema.contains("enum")) {
    for (const json& choice : schema["enum"])
      if (choice != value) others.push_back(choice);
  } else if (value.is_boolean()) {
    others.push_back(!value.get<bool>());
  } else if (value.is_number_integer()) {
    for (const int64_t step : {1, -1, 2}) others.push_back(value.get<int64_t>() + step);
  } else if (value.is_number()) {
    const double v = value.get<double>();
    for (const double other : {v * 1.5 + 0.25, v * 0.5, v + 0.125, v - 0.125}) others.push_back(other);
  }
  return others;
}

}  // namespace

const json& properties_of(const Component& component) {
  static const json none = json::object();
  const json& schema = component.description.at("parameters");
  const auto found = schema.find("properties");
  return found == schema.end() ? none : *found;
}

bool Subject::claims(const char* key) const {
  const auto found = component->description.find(key);
  return found != component->description.end() && found->is_boolean() && found->get<bool>();
}

std::vector<int64_t> sample_shape(const Case& trial) {
  return trial.facts.at("sample_shape").get<std::vector<int64_t>>();
}

std::string shape_name(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

std::vector<Case> cases(const json& given) {
  std::vector<Case> list;
  const auto add = [&](std::vector<int64_t> shape, int64_t classes) {
    Case c = make_case(std::move(shape), classes, given);
    for (const Case& other : list)
      if (other.name == c.name) return;
    list.push_back(std::move(c));
  };
  add({3, 8, 8}, 0);
  add({2}, 0);
  add({1, 8, 8}, 3);
  add({2}, 3);
  add({3, 32, 32}, 0);  // for what needs more places
  return list;
}

std::string Making::text() const { return (role.empty() ? "" : role + " ") + "at " + trial.name; }

std::vector<json> variations(const Subject& subject) {
  std::vector<json> list;
  const json& schema = subject.component->description.at("parameters");
  for (const auto& [name, entry] : properties_of(*subject.component).items()) {
    if (!subject.parameters.contains(name)) continue;
    for (const json& other : other_values(entry, subject.parameters[name])) {
      json changed = subject.parameters;
      changed[name] = other;
      bool allowed = true;
      changed = apply_schema(schema, changed, "", [&](const auto&, const auto&, bool) { allowed = false; });
      if (!allowed) continue;
      list.push_back(std::move(changed));
      break;
    }
  }
  return list;
}

at::Tensor normal(at::IntArrayRef shape, const std::string& stream) {
  return at::empty(shape, at::kDouble).normal_(0, 1, train::make_generator(7, stream));
}

at::Tensor make_input(const std::string& name, const Case& trial, int64_t n, at::ScalarType type,
                      const Shapes& shapes) {
  std::vector<int64_t> shape = {n};
  const std::string stream = name + "/" + std::to_string(n);
  if (name == "label") {
    const auto classes = trial.facts.at("classes").get<int64_t>();
    if (classes == 0) return {};
    return at::arange(n, at::kLong).mul_(5).remainder_(classes);
  }
  const bool picture = name == "image" || name == "real";
  if (const auto found = shapes.find(name); found != shapes.end() && !picture && name != "z") {
    shape.insert(shape.end(), found->second.begin(), found->second.end());
  } else if (picture) {
    const auto sample = sample_shape(trial);
    shape.insert(shape.end(), sample.begin(), sample.end());
    if (sample.size() == 3) return normal(shape, stream).mul_(0.7).tanh_().to(type);
  } else if (name == "z" || name == "z_style") {
    shape.push_back(trial.facts.at("latent_size").get<int64_t>());
  } else {
    throw NotApplied("nobody knows the shape of its input \"" + name + "\": say it with --input " + name +
                     "=16 or --input " + name + "=4x8x8");
  }
  return normal(shape, stream).to(type);
}

NamedTensors copies(const NamedTensors& tensors) {
  NamedTensors list;
  for (const auto& [name, tensor] : tensors)
    list.emplace_back(name, tensor.defined() ? tensor.detach().clone() : tensor);
  return list;
}

std::string digest(const NamedTensors& tensors) {
  std::string bytes;
  for (const auto& [name, tensor] : tensors) {
    bytes += name + "\n";
    if (!tensor.defined()) continue;
    const at::Tensor t = tensor.detach().contiguous();
    bytes += std::string(c10::toString(t.scalar_type())) + shape_name(t.sizes().vec()) + "\n";
    bytes.append(static_cast<const char*>(t.const_data_ptr()), t.nbytes());
  }
  return sha256(bytes);
}

std::string difference(const NamedTensors& a, const NamedTensors& b) {
  std::vector<std::string> names_a, names_b;
  for (const auto& [name, tensor] : a) names_a.push_back(name);
  for (const auto& [name, tensor] : b) names_b.push_back(name);
  if (names_a != names_b) return "it gives " + listed(names_b) + " where it gave " + listed(names_a);
  for (size_t i = 0; i < a.size(); ++i) {
    const at::Tensor &x = a[i].second, &y = b[i].second;
    if (digest({a[i]}) == digest({b[i]})) continue;
    if (!x.defined() || !y.defined() || x.sizes() != y.sizes() || x.scalar_type() != y.scalar_type())
      return "\"" + a[i].first + "\" has another shape or type";
    const double by = (x.to(at::kDouble) - y.to(at::kDouble)).abs().max().item<double>();
    char number[32];
    std::snprintf(number, sizeof number, "%.3g", by);
    return "\"" + a[i].first + "\" differs by " + number;
  }
  return "";
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text.empty() ? "nothing" : text;
}

}  // namespace saddle::worker
