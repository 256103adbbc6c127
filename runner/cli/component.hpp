#pragma once
#include <string>
#include <vector>

#include <common/json.hpp>
#include <grid/catalogue.hpp>

namespace saddle::cli {

// "NAME[,key=value...]": a component and parameters of it in one argument.
// Commas inside brackets and quotes belong to the value.
struct Named {
  std::string name;
  std::vector<std::string> sets;
};
Named split_named(const std::string& argument);

// What the worker needs to open a component: {"file", "kind", "name",
// "parameters", "host"}. `sets` are "key=value"; they and what they leave out are
// checked against the component's schema and, for models and losses, the host's
// keys (init, norm, weight). `origin` is the option that messages speak of. Throws Error.
Json component_request(const Catalogue& catalogue, const std::string& kind, const std::string& name,
                       const std::vector<std::string>& sets, const std::string& origin);

// The same for a model in a role. Throws Error when it plays no such role.
Json model_request(const Catalogue& catalogue, const std::string& name, const std::string& role,
                   const std::vector<std::string>& sets, const std::string& origin);

// What --features says: JSON; EXTRACTOR[,key=value...], as inception_v3,output=logits; or "pixels" and
// MODEL.OUTPUT as they are. Throws Error.
Json features_argument(const Catalogue& catalogue, const std::string& text);

// Throws Error unless the component lists the role, naming the ones it has.
void check_role(const Component& component, const std::string& role);
// The component of that name. Throws Error with the nearest one.
const Component& find_or_throw(const Catalogue& catalogue, const std::string& kind, const std::string& name);

// Runs `saddle-worker COMMAND` with the request on its stdin; its output is ours.
// Returns its exit code. Throws Error when it was ended by a signal, which is
// what a plugin that crashes looks like; `what` was being done.
int ask_worker(const std::string& command, const Json& request, const std::string& what);
// The same with its output in `answer`.
int ask_worker(const std::string& command, const Json& request, const std::string& what, std::string& answer);

}  // namespace saddle::cli
