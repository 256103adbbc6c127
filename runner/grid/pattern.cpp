#include <grid/pattern.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

using Path = Pattern::Path;
using Sections = Pattern::Sections;
using Check = std::function<bool(const Json&)>;

// Whether a value that the rest of the path leads to passes the check.
bool some(const Json& value, const Path& path, std::size_t at, const Check& check) {
  if (at == path.size()) return check(value);
  const std::string& part = path[at];
  if (part == "*") {
    return value.is_structured() && std::any_of(value.begin(), value.end(), [&](const Json& entry) {
             return some(entry, path, at + 1, check);
           });
  }
  if (value.is_object()) {
    const auto found = value.find(part);
    return found != value.end() && some(*found, path, at + 1, check);
  }
  if (!value.is_array()) return false;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  return error == std::errc() && end == part.data() + part.size() && index < value.size() &&
         some(value[index], path, at + 1, check);
}

bool some(const Path& path, const Sections& sections, const Check& check) {
  const Json* section = sections(path[0]);
  return section != nullptr && some(*section, path, 1, check);
}

// params.PATH, as `saddle ls` calls it, is PATH.
Path path_of(const std::string& name) {
  return split_path(name.starts_with("params.") ? name.substr(7) : name);
}

bool agrees(const Json& pattern, const Json& value) {
  if (pattern.is_object()) {
    if (!value.is_object()) return false;
    for (const auto& [key, entry] : pattern.items()) {
      if (!value.contains(key) || !agrees(entry, value[key])) return false;
    }
    return true;
  }
  if (pattern.is_array() && value.is_array())
    return std::equal(pattern.begin(), pattern.end(), value.begin(), value.end(), agrees);
  return pattern == value;
}

// true and false are 1 and 0, as in the database.
Json plain(const Json& value) { return value.is_boolean() ? Json(value.get<bool>() ? 1 : 0) : value; }

Json literal(const Operand& operand) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>)
          return nullptr;
        else
          return value;
      },
      operand.value);
}

bool compare(const Json& left, const std::string& sign, const Json& right) {
  const bool ordered = (left.is_number() && right.is_number()) || (left.is_string() && right.is_string());
  if (!ordered) return false;
  if (sign == "=") return left == right;
  if (sign == "!=") return left != right;
  if (sign == "<") return left < right;
  if (sign == "<=") return left <= right;
  return sign == ">" ? left > right : left >= right;
}

// SQL's: % is any text, _ one letter; letters agree whatever their case.
bool like(std::string_view text, std::string_view glob) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  if (glob.empty()) return text.empty();
  if (glob[0] == '%') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip)
      if (like(text.substr(skip), glob.substr(1))) return true;
    return false;
  }
  return !text.empty() && (glob[0] == '_' || lower(glob[0]) == lower(text[0])) &&
         like(text.substr(1), glob.substr(1));
}

bool holds_in(const Condition& condition, const Sections& sections) {
  const auto each = [&](const Condition& part) { return holds_in(part, sections); };
  const auto of_left = [&](const Check& check) {
    return some(path_of(condition.left.name), sections,
                [&](const Json& value) { return check(plain(value)); });
  };
  switch (condition.kind) {
    case Condition::Kind::both:
      return std::all_of(condition.parts.begin(), condition.parts.end(), each);
    case Condition::Kind::either:
      return std::any_of(condition.parts.begin(), condition.parts.end(), each);
    case Condition::Kind::negation:
      return !each(condition.parts.front());
    case Condition::Kind::absence:
      return !of_left([](const Json& value) { return !value.is_null(); });
    case Condition::Kind::membership:
      return of_left([&](const Json& left) {
        return std::any_of(condition.right.begin(), condition.right.end(),
                           [&](const Operand& operand) { return compare(left, "=", literal(operand)); });
      });
    case Condition::Kind::likeness:
      return of_left([&](const Json& left) {
        return left.is_string() &&
               like(left.get_ref<const std::string&>(), literal(condition.right[0]).get<std::string>());
      });
    case Condition::Kind::comparison:
      return of_left([&](const Json& left) {
        const Operand& right = condition.right[0];
        if (right.kind == Operand::Kind::literal) return compare(left, condition.comparison, literal(right));
        return some(path_of(right.name), sections,
                    [&](const Json& value) { return compare(left, condition.comparison, plain(value)); });
      });
  }
  return false;
}

void collect(const Condition& condition, std::vector<const Operand*>& names) {
  for (const Condition& part : condition.parts) collect(part, names);
  if (condition.left.kind == Operand::Kind::name) names.push_back(&condition.left);
  for (const Operand& operand : condition.right)
    if (operand.kind == Operand::Kind::name) names.push_back(&operand);
}

}  // namespace

Pattern Pattern::parse(const std::string& text, const std::string& place,
                       const std::vector<std::string>& known) {
  Pattern pattern;
  pattern.condition_ = parse_condition(text, place);
  std::vector<const Operand*> names;
  collect(*pattern.condition_, names);
  for (const Operand* operand : names) {
    const Path path = path_of(operand->name);
    if (path.empty() || std::find(known.begin(), known.end(), path[0]) == known.end())
      throw Error(place + ", character " + std::to_string(operand->position) + ": \"" + operand->name +
                  "\" is no path in a config. " + suggestion(path.empty() ? operand->name : path[0], known));
    pattern.paths_.push_back(path);
  }
  return pattern;
}

Pattern Pattern::all_of(const Json& object) {
  Pattern pattern;
  for (const auto& [key, value] : object.items()) {
    pattern.all_.emplace_back(split_path(key), value);
    pattern.paths_.push_back(split_path(key));
  }
  return pattern;
}

bool Pattern::holds(const Sections& sections) const {
  if (condition_) return holds_in(*condition_, sections);
  return std::all_of(all_.begin(), all_.end(), [&](const auto& entry) {
    return some(entry.first, sections, [&](const Json& value) { return agrees(entry.second, value); });
  });
}

bool Pattern::uses(const std::string& section) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const Path& path) { return path[0] == section; });
}

bool Pattern::exists(const Path& path, const Sections& sections) {
  return some(path, sections, [](const Json&) { return true; });
}

std::string joined_path(const Pattern::Path& path) {
  std::string text;
  for (const std::string& part : path) text += (text.empty() ? "" : ".") + part;
  return text;
}

}  // namespace saddle
