#include <grid/sweep.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>

#include <common/nearest.hpp>
#include <grid/schema.hpp>

namespace saddle {
namespace {

constexpr std::size_t kMostPoints = 100000;

// Keys of an object in the order in which they stand in the file.
std::vector<std::string> keys_in_order(const Document& document, const Json& object,
                                       const std::string& pointer) {
  std::vector<std::pair<std::size_t, std::string>> keys;
  for (const auto& [key, value] : object.items())
    keys.push_back({document.offset(pointer_child(pointer, key)), key});
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> result;
  for (auto& [offset, key] : keys) result.push_back(std::move(key));
  return result;
}

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

std::string sluggish(const std::string& text) {
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

bool all_distinct(const std::vector<std::string>& texts) {
  return std::set<std::string>(texts.begin(), texts.end()).size() == texts.size();
}

void name_points(Axis& axis) {
  std::vector<std::string> texts;
  for (bool whole : {false, true}) {
    texts.clear();
    for (const AxisPoint& point : axis.points) {
      std::vector<std::string> parts;
      for (const Override& entry : point.overrides) parts.push_back(value_text(entry.value, whole));
      const bool same = std::set<std::string>(parts.begin(), parts.end()).size() == 1;
      std::string text = parts.front();
      for (std::size_t i = 1; i < parts.size() && !same; ++i) text += "-" + parts[i];
      texts.push_back(text);
    }
    if (all_distinct(texts)) break;
  }
  const bool distinct = all_distinct(texts);
  for (std::size_t i = 0; i < axis.points.size(); ++i) {
    AxisPoint& point = axis.points[i];
    const Override& first = point.overrides.front();
    point.text = texts[i];
    const bool needs_name = !first.value.is_structured() && !first.value.is_string();
    point.slug = sluggish((needs_name ? first.path.back() : "") + texts[i]) +
                 (distinct ? "" : "-v" + std::to_string(i + 1));
  }
}

class SweepReader {
 public:
  SweepReader(const Document& document, Problems& problems) : document_(document), problems_(problems) {}

  std::vector<Axis> read() {
    std::vector<Axis> axes;
    const auto sweep = document_.root().find("sweep");
    if (sweep == document_.root().end() || !sweep->is_object()) return axes;
    for (const std::string& label : keys_in_order(document_, *sweep, "/sweep")) {
      Axis axis = read_axis(label, (*sweep)[label], pointer_child("/sweep", label));
      if (axis.points.empty()) continue;
      name_points(axis);
      axes.push_back(std::move(axis));
    }
    check_overlaps(axes);
    return axes;
  }

 private:
  void fail(const std::string& pointer, const std::string& text, bool key = false) {
    problems_.add(document_.where(pointer, key), pointer, text);
  }

  Axis read_axis(const std::string& label, const Json& entry, const std::string& pointer) {
    Axis axis{label, {}};
    static const std::vector<std::string> kForms = {"values", "range", "zip"};
    if (!entry.is_object() || entry.size() != 1) {
      fail(pointer, "expected an object with one of \"values\", \"range\" and \"zip\", found " +
                        describe_value(entry));
      return axis;
    }
    const std::string form = entry.begin().key();
    const Json& body = entry.begin().value();
    const std::string at = pointer_child(pointer, form);
    if (form == "zip") {
      read_zip(axis, body, at);
    } else if (form == "values" || form == "range") {
      const std::vector<std::string> path = read_path(label, pointer);
      const std::vector<Json> values = form == "values" ? read_values(body, at) : read_range(body, at);
      if (path.empty()) return axis;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string source = form == "values" ? pointer_child(at, i) : at;
        axis.points.push_back({{make(path, values[i], source, pointer)}, "", ""});
      }
    } else {
      fail(at, "unknown key \"" + form + "\" of a sweep. " + suggestion(form, kForms), true);
    }
    return axis;
  }

  static Override make(const std::vector<std::string>& path, const Json& value, const std::string& source,
                       const std::string& key_source) {
    std::string pointer;
    for (const std::string& part : path) pointer = pointer_child(pointer, part);
    return {path, pointer, value, source, key_source, ""};
  }

  // The dotted path that a key names; empty, with a problem, when it cannot be swept.
  std::vector<std::string> read_path(const std::string& text, const std::string& pointer) {
    const std::vector<std::string> path = split_path(text);
    const std::vector<std::string>& sections = config_sections();
    if (path.empty()) {
      fail(pointer, "\"" + text + "\" is no path; expected names with dots between, as losses.0.margin",
           true);
      return {};
    }
    if (std::find(sections.begin(), sections.end(), path[0]) == sections.end()) {
      fail(pointer, "no section \"" + path[0] + "\" can be swept. " + suggestion(path[0], sections), true);
      return {};
    }
    return path;
  }

  std::vector<Json> read_values(const Json& body, const std::string& at) {
    if (!body.is_array() || body.empty()) {
      fail(at, "expected a list of at least one value, found " + describe_value(body));
      return {};
    }
    return body.get<std::vector<Json>>();
  }

  std::vector<Json> read_range(const Json& body, const std::string& at) {
    static const Json schema = {
        {"type", "object"},
        {"properties",
         {{"from", {{"type", "number"}}}, {"to", {{"type", "number"}}}, {"step", {{"type", "number"}}}}},
        {"required", {"from", "to", "step"}}};
    bool good = true;
    const Json range = apply_schemas({&schema}, body, at, "a range",
                                     [&](const std::string& p, const std::string& text, bool key) {
                                       good = false;
                                       fail(p, text, key);
                                     });
    if (!good) return {};
    const double from = range["from"], to = range["to"], step = range["step"];
    const double count = step == 0 ? -1 : std::floor((to - from) / step + 1e-9) + 1;
    if (!(count >= 1)) {
      fail(at, "the range never gets from " + scalar_text(range["from"]) + " to " + scalar_text(range["to"]) +
                   " in steps of " + scalar_text(range["step"]) + "; give step the sign of to - from");
      return {};
    }
    if (count > static_cast<double>(kMostPoints)) {
      fail(at, "a range of more than " + std::to_string(kMostPoints) + " values; take a larger step");
      return {};
    }
    const bool whole = body["from"].is_number_integer() && body["step"].is_number_integer();
    std::vector<Json> values;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const double value = from + static_cast<double>(i) * step;
      if (whole) {
        values.push_back(static_cast<std::int64_t>(std::llround(value)));
      } else {
        char text[40];  // 0.1 + 2 * 0.1 is meant to be 0.3, not 0.30000000000000004
        std::snprintf(text, sizeof text, "%.12g", value);
        values.push_back(std::strtod(text, nullptr));
      }
    }
    return values;
  }

  void read_zip(Axis& axis, const Json& body, const std::string& at) {
    if (!body.is_object() || body.empty()) {
      fail(at, "expected an object of paths with equally long lists, found " + describe_value(body));
      return;
    }
    std::size_t length = 0;
    std::string first;
    for (const std::string& key : keys_in_order(document_, body, at)) {
      const std::string pointer = pointer_child(at, key);
      const std::vector<std::string> path = read_path(key, pointer);
      const std::vector<Json> values = read_values(body[key], pointer);
      if (path.empty() || values.empty()) return;
      if (first.empty()) {
        first = key, length = values.size();
        axis.points.resize(length);
      } else if (values.size() != length) {
        fail(pointer, "a zip needs lists of one length: " + std::to_string(values.size()) + " values here, " +
                          std::to_string(length) + " under \"" + first + "\"");
        axis.points.clear();
        return;
      }
      for (std::size_t i = 0; i < length; ++i) {
        axis.points[i].overrides.push_back(make(path, values[i], pointer_child(pointer, i), pointer));
      }
    }
  }

  // A later axis that replaces the whole of what an earlier one varies would make
  // the earlier one pointless, and its trials duplicates.
  void check_overlaps(const std::vector<Axis>& axes) {
    std::vector<const Override*> all;
    for (const Axis& axis : axes) {
      for (const Override& entry : axis.points.front().overrides) all.push_back(&entry);
    }
    for (std::size_t later = 0; later < all.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        if ((all[earlier]->pointer + "/").starts_with(all[later]->pointer + "/")) {
          fail(all[later]->key_source,
               "this sweep replaces what the earlier \"" + all[earlier]->key_source.substr(7) +
                   "\" varies; put the outer path first, or vary it once",
               true);
        }
      }
    }
  }

  const Document& document_;
  Problems& problems_;
};

}  // namespace

std::vector<Axis> read_sweep(const Document& document, Problems& problems) {
  return SweepReader(document, problems).read();
}

}  // namespace saddle
