#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <common/json.hpp>
#include <grid/catalogue.hpp>
#include <grid/schema.hpp>

namespace saddle {

struct SchemaFault {
  std::string pointer, text;
  bool at_key = false;
};

// One object with a "use", checked: what it names, and its two forms.
struct Entry {
  const Component* component = nullptr;  // null: unknown, or the host's own (an optimizer)
  Json config, identity;                 // identity is null when the entry cannot be used
  std::vector<SchemaFault> faults;
};

// Checks the entries of a config against the schemas of what they use. An entry
// that was seen at the same place is not checked again.
class Entries {
 public:
  explicit Entries(const Catalogue& catalogue) : catalogue_(catalogue) {}

  // {"use": NAME, ...} of a kind of component; "extractor" is a model in a metric's features.
  std::shared_ptr<const Entry> component(const std::string& kind, const Json& written,
                                         const std::string& pointer);
  // Of one player, with its schedule. `rounds`: of the training, the default end
  // of a linear schedule; null when unknown.
  std::shared_ptr<const Entry> optimizer(const Json& written, const std::string& pointer, const Json& rounds);

 private:
  Entry check_component(const std::string& kind, const Json& written, const std::string& pointer) const;

  const Catalogue& catalogue_;
  std::unordered_map<std::string, std::shared_ptr<const Entry>> known_;
};

// Why nothing goes by this name, with the nearest one and where to look.
std::string unknown_component(const Catalogue& catalogue, const std::string& kind, const std::string& name);

}  // namespace saddle
