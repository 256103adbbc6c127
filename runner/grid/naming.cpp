#include <grid/naming.hpp>

#include <algorithm>
#include <set>

namespace saddle {
namespace {

std::string scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text = value.dump();
  if (value.is_number_float() && text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

// "hinge+r1" for a list of components; with `whole`, what else they set as well.
std::string value_text(const Json& value, bool whole) {
  if (!value.is_structured()) return scalar_text(value);
  std::string text;
  if (value.is_array()) {
    for (const Json& entry : value) text += (text.empty() ? "" : "+") + value_text(entry, whole);
    return text.empty() ? "none" : text;
  }
  if (value.contains("use") && value["use"].is_string()) text = value["use"].get<std::string>();
  if (!text.empty() && !whole) return text;
  for (const auto& [key, entry] : value.items()) {
    if (key != "use") text += (text.empty() ? "" : "-") + key + value_text(entry, whole);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

bool distinct(const std::vector<Names>& names) {
  std::set<std::string> texts;
  return std::all_of(names.begin(), names.end(), [&](const Names& n) { return texts.insert(n.text).second; });
}

std::string slug_of(const std::string& text) {
  std::string slug;
  for (char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || c == '.' || c == '_' || c == '+') {
      slug += c;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && (slug.back() == '-' || slug.back() == '.')) slug.pop_back();
  return slug;
}

Names names_of(const std::vector<Override>& overrides, bool whole) {
  std::vector<std::string> texts;
  for (const Override& entry : overrides) texts.push_back(value_text(entry.value, whole));
  const bool same = std::set<std::string>(texts.begin(), texts.end()).size() == 1;
  Names names;
  for (std::size_t i = 0; i < (same ? 1 : texts.size()); ++i) {
    // A number or a boolean says little without what it is of.
    const Json& value = overrides[i].value;
    const bool bare = !value.is_structured() && !value.is_string();
    names.text += (i ? "-" : "") + texts[i];
    names.slug += (i ? "-" : "") + (bare ? overrides[i].path.back() : "") + texts[i];
  }
  names.slug = slug_of(names.slug);
  return names;
}

void name_points(Axis& axis) {
  std::vector<Names> names;
  for (bool whole : {false, true}) {
    names.clear();
    for (const AxisPoint& point : axis.points) names.push_back(names_of(point.overrides, whole));
    if (distinct(names)) break;
  }
  const bool clear = distinct(names);
  for (std::size_t i = 0; i < axis.points.size(); ++i) {
    axis.points[i].text = names[i].text;
    axis.points[i].slug = names[i].slug + (clear ? "" : "-v" + std::to_string(i + 1));
  }
}

}  // namespace saddle
