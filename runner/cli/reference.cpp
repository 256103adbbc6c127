#include <cli/reference.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <grid/host_schema.hpp>
#include <grid/schema.hpp>

namespace saddle::cli {
namespace {

std::string title_of(const std::string& kind) {
  if (kind == "dataset") return "Data sets";
  if (kind == "loss") return "Losses";
  std::string title = kind + "s";
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

// Text in a cell of a table: one line, and no bar that would end the cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

void print_parameters(std::ostream& out, const Json& schema) {
  const Json required = schema.value("required", Json::array());
  out << "\n| parameter | default | takes | what it is |\n|---|---|---|---|\n";
  for (const auto& [name, entry] : schema.at("properties").items()) {
    const bool needed = std::find(required.begin(), required.end(), Json(name)) != required.end();
    const std::string standard = needed                      ? "required"
                                 : entry.contains("default") ? '`' + entry["default"].dump() + '`'
                                                             : "";
    out << "| `" << name << "` | " << cell(standard) << " | " << cell(describe_schema(entry)) << " | "
        << cell(entry.value("description", "")) << " |\n";
  }
}

std::string names(const Json& list) {
  std::string text;
  for (const Json& name : list) text += (text.empty() ? "`" : ", `") + name.get<std::string>() + '`';
  return text;
}

void print_role(std::ostream& out, const std::string& role, const Json& entry) {
  out << "- " << role << ": ";
  if (entry.contains("needs")) {
    const std::string needs = names(entry["needs"]);
    out << (needs.empty() ? "needs nothing" : "needs " + needs);
  } else {
    out << names(entry.value("inputs", Json::array())) << " to "
        << names(entry.value("outputs", Json::array()));
  }
  out << '\n';
}

void print_component(std::ostream& out, const Component& component) {
  out << "\n### " << component.name << "\n\n" << component.doc << "\n";
  if (!component.parameters().at("properties").empty()) print_parameters(out, component.parameters());
  if (!component.roles().empty()) out << '\n';
  for (const auto& [role, entry] : component.roles().items()) print_role(out, role, entry);
}

}  // namespace

void print_reference(std::ostream& out, const Catalogue& catalogue, const std::string& kind) {
  out << "# Components\n\nWritten by `saddle plugins ls --markdown` from what the plugins say of "
         "themselves.\n";
  for (const std::string& each : component_kinds()) {
    if (!kind.empty() && each != kind) continue;
    bool first = true;
    for (const Component* component : catalogue.components()) {
      if (component->kind != each) continue;
      if (first) {
        out << "\n## " << title_of(each) << '\n';
        if (const Json& host = host_schema()[each]; host["properties"].size() > 1) {
          out << "\nBeside its own parameters every entry takes:\n";
          Json others = host;
          others["properties"].erase("use");
          print_parameters(out, others);
        }
      }
      first = false;
      print_component(out, *component);
    }
  }
}

}  // namespace saddle::cli
