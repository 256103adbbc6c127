// A worker's answer about a plugin file, as the catalogue takes it; behind a NUL, a config of one of its
// components.
#include <cstddef>
#include <cstdint>
#include <string>

#include <common/error.hpp>
#include <grid/catalogue.hpp>
#include <grid/host_schema.hpp>
#include <grid/schema.hpp>

using namespace saddle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\0');
  const Json answer = Json::parse(text.substr(0, end), nullptr, false);
  if (answer.is_discarded()) return 0;
  Catalogue catalogue;
  catalogue.add(answer, "/plugins/x.so", "hash");
  const Json given = Json::parse(end == std::string::npos ? "{}" : text.substr(end + 1), nullptr, false);
  const Report quiet = [](const std::string&, const std::string&, bool) {};
  for (const Component* component : catalogue.components()) {
    // What was accepted can be used: shown, filled in, compared with its defaults, asked for its roles.
    for (const auto& [name, schema] : component->parameters()["properties"].items()) describe_schema(schema);
    const std::vector<const Json*> schemas = {&host_schema()[component->kind], &component->parameters()};
    for (const Json& config : {Json{{"use", component->name}}, given}) {
      if (!config.is_object()) continue;
      const Json whole = apply_schemas(schemas, config, "", component->name, quiet);
      drop_defaults(schemas, whole);
      // Filled in once, nothing is left to fill in.
      bool sound = true;
      const Report loud = [&](const std::string&, const std::string&, bool) { sound = false; };
      if (apply_schemas(schemas, whole, "", component->name, loud) != whole && sound) __builtin_trap();
    }
    for (const auto& [role, entry] : component->roles().items())
      for (const char* list : {"inputs", "outputs", "needs"})
        if (entry.contains(list))
          for (const Json& name : entry[list]) (void)name.get<std::string>();
  }
  return 0;
}
