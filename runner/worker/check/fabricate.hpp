#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <bridge/instances.hpp>

// What components are checked with: small trials that do not exist.
namespace saddle::worker {

// The schemas of a component's parameters, by name.
const nlohmann::json& properties_of(const Component& component);

using Shapes = std::map<std::string, std::vector<int64_t>>;  // of one sample, by input

// The component under test.
struct Subject {
  const Component* component = nullptr;
  nlohmann::json parameters;           // its own, defaults filled in
  nlohmann::json facts;                // given with --fact; they win over the made-up ones
  Shapes shapes;                       // given with --input
  std::set<std::string> given;         // parameters that were given with --set
  bool claims(const char* key) const;  // a boolean of its description
};

inline constexpr int64_t kBatch = 5;     // real samples, and fakes
inline constexpr int64_t kFeatures = 6;  // of the discriminator of every made-up game

// A trial as components see it, and how it is called: "3x8x8", "points with 3 classes".
struct Case {
  std::string name;
  nlohmann::json facts;
};
std::vector<Case> cases(const nlohmann::json& given);

// How an instance is made.
struct Making {
  std::string role;
  Case trial;
  nlohmann::json parameters;
  Shapes shapes;             // of inputs that are not image, z or label
  bool maps = false;         // a loss: outputs that it alone knows are maps, not vectors
  std::string text() const;  // "generator at 3x8x8"
};

// The same with one parameter changed, for every parameter that can be: what a schema allows.
std::vector<nlohmann::json> variations(const Subject& subject);

// "3x8x8".
std::string shape_name(const std::vector<int64_t>& shape);
std::vector<int64_t> sample_shape(const Case& trial);

// Numbers from a stream of their own, the same for the same name; float64.
at::Tensor normal(at::IntArrayRef shape, const std::string& stream);

// An input of `n` samples: image, real (a picture that a loss gives beside it), z, label, or one whose shape
// is given. Undefined for labels of a trial without classes. Throws NotApplied for an input that nobody knows
// the shape of.
at::Tensor make_input(const std::string& name, const Case& trial, int64_t n, at::ScalarType type,
                      const Shapes& shapes);

// Bytes, shapes and names in 64 hexadecimal digits.
std::string digest(const NamedTensors& tensors);
// How two results differ: "image by 0.1"; "" when every bit is the same.
std::string difference(const NamedTensors& a, const NamedTensors& b);
NamedTensors copies(const NamedTensors& tensors);

// A list of words for people: "a, b and c".
std::string listed(const std::vector<std::string>& words);

}  // namespace saddle::worker
