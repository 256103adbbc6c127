#include <grid/sweep.hpp>

#include <algorithm>

#include <common/nearest.hpp>
#include <grid/host_schema.hpp>
#include <grid/naming.hpp>
#include <grid/schema.hpp>
#include <grid/values.hpp>

namespace saddle {
namespace {

// A path that is varied already, so that a later axis must not replace it.
struct Varied {
  std::string pointer;  // in the config
  std::string path;     // as it is written
  bool operator==(const Varied&) const = default;
};
using Scope = std::vector<Varied>;

// Every point of the first with every point of the second; the second turns faster.
std::vector<AxisPoint> product(const std::vector<AxisPoint>& first, const std::vector<AxisPoint>& second) {
  std::vector<AxisPoint> points;
  for (const AxisPoint& a : first) {
    for (const AxisPoint& b : second) {
      AxisPoint both = a;
      both.overrides.insert(both.overrides.end(), b.overrides.begin(), b.overrides.end());
      both.text += (both.text.empty() || b.text.empty() ? "" : "-") + b.text;
      both.slug += (both.slug.empty() || b.slug.empty() ? "" : "-") + b.slug;
      points.push_back(std::move(both));
    }
  }
  return points;
}

class SweepReader {
 public:
  SweepReader(const Source& source, Problems& problems) : source_(source), problems_(problems) {}

  std::vector<Axis> read() {
    Scope scope;
    return read_axes(source_.root(), "", scope);
  }

 private:
  void fail(const std::string& pointer, const std::string& text, bool key = false) {
    problems_.add(source_.where(pointer, key), pointer, text);
  }
  Report reporter() {
    return
        [this](const std::string& pointer, const std::string& text, bool key) { fail(pointer, text, key); };
  }

  // The axes under "sweep" of the object at `parent`.
  std::vector<Axis> read_axes(const Json& holder, const std::string& parent, Scope& scope) {
    std::vector<Axis> axes;
    const auto sweep = holder.is_object() ? holder.find("sweep") : holder.end();
    if (!holder.is_object() || sweep == holder.end() || !sweep->is_object()) return axes;
    const std::string at = pointer_child(parent, "sweep");
    for (const std::string& label : source_.keys_in_order(at)) {
      Axis axis{label, {}, ""};
      read_axis(axis, (*sweep)[label], pointer_child(at, label), scope);
      if (axis.points.empty()) continue;
      if (axis.count.empty()) {  // a oneOf has named and counted its own
        name_points(axis);
        axis.count = std::to_string(axis.points.size());
      }
      axes.push_back(std::move(axis));
    }
    return axes;
  }

  void read_axis(Axis& axis, const Json& entry, const std::string& pointer, Scope& scope) {
    static const std::vector<std::string> kForms = {"values", "range", "logspace", "random", "zip", "oneOf"};
    if (!entry.is_object() || entry.size() != 1) {
      return fail(
          pointer,
          "expected an object with one of \"values\", \"range\", \"logspace\", \"random\", \"zip\" and "
          "\"oneOf\", found " +
              describe_value(entry));
    }
    const std::string form = entry.begin().key();
    const Json& body = entry.begin().value();
    const std::string at = pointer_child(pointer, form);
    if (form == "zip") return read_zip(axis, body, at, scope);
    if (form == "oneOf") return read_one_of(axis, body, at, scope);
    if (form == "random" && body.is_object() && body.contains("draw") && body["draw"].is_object())
      return read_draw(axis, body, at, scope);
    if (std::find(kForms.begin(), kForms.end(), form) == kForms.end())
      return fail(at, "unknown key \"" + form + "\" of a sweep. " + suggestion(form, kForms), true);
    const std::vector<std::string> path = read_path(axis.label, pointer, scope);
    const std::vector<SweptValue> values = read_values(form, body, at, axis.label, reporter());
    if (path.empty()) return;
    for (const SweptValue& value : values)
      axis.points.push_back({{make(path, value.value, value.source, pointer)}, "", ""});
  }

  static Override make(const std::vector<std::string>& path, const Json& value, const std::string& source,
                       const std::string& key_source) {
    std::string pointer;
    for (const std::string& part : path) pointer = pointer_child(pointer, part);
    return {path, pointer, value, source, key_source, ""};
  }

  // The dotted path that a key names; empty, with a problem, when it cannot be
  // varied. An axis that replaces the whole of what an earlier one varies would
  // make that one pointless, and its trials duplicates.
  std::vector<std::string> read_path(const std::string& text, const std::string& pointer, Scope& scope) {
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
    Varied varied{"", text};
    for (const std::string& part : path) varied.pointer = pointer_child(varied.pointer, part);
    for (const Varied& earlier : scope) {
      if ((earlier.pointer + "/").starts_with(varied.pointer + "/"))
        fail(pointer,
             "this sweep replaces what the earlier \"" + earlier.path +
                 "\" varies; put the outer path first, or vary it once",
             true);
    }
    scope.push_back(std::move(varied));
    return path;
  }

  // {"zip": {PATH: a list, or a form that gives one, ...}}
  void read_zip(Axis& axis, const Json& body, const std::string& at, Scope& scope) {
    if (!body.is_object() || body.empty())
      return fail(at, "expected an object of paths with equally long lists, found " + describe_value(body));
    std::string first;
    for (const std::string& key : source_.keys_in_order(at)) {
      const std::string pointer = pointer_child(at, key);
      const std::vector<std::string> path = read_path(key, pointer, scope);
      const std::vector<SweptValue> values = zipped(body[key], pointer, key);
      if (path.empty() || values.empty()) return axis.points.clear();
      if (first.empty()) {
        first = key;
        axis.points.resize(values.size());
      } else if (values.size() != axis.points.size()) {
        fail(pointer, "a zip needs lists of one length: " + std::to_string(values.size()) + " values here, " +
                          std::to_string(axis.points.size()) + " under \"" + first + "\"");
        return axis.points.clear();
      }
      for (std::size_t i = 0; i < values.size(); ++i)
        axis.points[i].overrides.push_back(make(path, values[i].value, values[i].source, pointer));
    }
  }

  std::vector<SweptValue> zipped(const Json& entry, const std::string& pointer, const std::string& path) {
    if (!entry.is_object()) return read_values("values", entry, pointer, path, reporter());
    const auto& forms = value_forms();
    if (entry.size() == 1 && std::find(forms.begin(), forms.end(), entry.begin().key()) != forms.end())
      return read_values(entry.begin().key(), entry.begin().value(),
                         pointer_child(pointer, entry.begin().key()), path, reporter());
    fail(pointer,
         "expected a list of values, or one of \"values\", \"range\", \"logspace\" and \"random\", found " +
             describe_value(entry));
    return {};
  }

  void read_draw(Axis& axis, const Json& body, const std::string& at, Scope& scope) {
    const std::string draw = pointer_child(at, "draw");
    const std::vector<std::string> keys = source_.keys_in_order(draw);
    if (keys.empty()) return fail(draw, "expected an object of paths and distributions, found an object {}");
    std::vector<std::vector<std::string>> paths;
    for (const std::string& key : keys) paths.push_back(read_path(key, pointer_child(draw, key), scope));
    const Draws draws = read_draws(body, at, keys, reporter());
    if (draws.columns.size() != keys.size()) return;
    if (std::any_of(paths.begin(), paths.end(), [](const auto& path) { return path.empty(); })) return;
    axis.points.resize(draws.n);
    for (std::size_t k = 0; k < keys.size(); ++k) {
      for (std::size_t i = 0; i < draws.n; ++i) {
        const SweptValue& value = draws.columns[k][i];
        axis.points[i].overrides.push_back(
            make(paths[k], value.value, value.source, pointer_child(draw, keys[k])));
      }
    }
  }

  // Branches are alternatives: each brings its own values and its own sweep, and
  // none of them sees what another one varies.
  void read_one_of(Axis& axis, const Json& body, const std::string& at, Scope& scope) {
    if (!body.is_array() || body.empty())
      return fail(at, "expected a list of branches, as [{\"set\": {...}, \"sweep\": {...}}, ...], found " +
                          describe_value(body));
    struct Branch {
      AxisPoint base;
      std::vector<Axis> axes;
      std::string name;
    };
    std::vector<Branch> branches;
    Scope seen = scope;
    for (std::size_t i = 0; i < body.size(); ++i) {
      const std::string pointer = pointer_child(at, i);
      Scope own = scope;
      bool good = true;
      apply_schemas({&host_schema()["sweep"]["branch"]}, body[i], pointer, "a branch",
                    [&](const std::string& place, const std::string& text, bool key) {
                      good = false;
                      fail(place, text, key);
                    });
      if (!good) return;
      if (!body[i].contains("set") && !body[i].contains("sweep"))
        return fail(pointer, "a branch needs \"set\", \"sweep\" or both");
      Branch branch;
      branch.name = body[i].value("name", "");
      if (body[i].contains("set")) {
        const std::string set = pointer_child(pointer, "set");
        for (const std::string& key : source_.keys_in_order(set)) {
          const std::string place = pointer_child(set, key);
          const std::vector<std::string> path = read_path(key, place, own);
          if (path.empty()) return;
          branch.base.overrides.push_back(make(path, body[i]["set"][key], place, place));
        }
      }
      branch.axes = read_axes(body[i], pointer, own);
      for (const Varied& varied : own)
        if (std::find(seen.begin(), seen.end(), varied) == seen.end()) seen.push_back(varied);
      branches.push_back(std::move(branch));
    }
    scope = std::move(seen);

    std::vector<Names> names;
    for (bool whole : {false, true}) {
      names.clear();
      for (const Branch& branch : branches)
        names.push_back(branch.name.empty() ? names_of(branch.base.overrides, whole)
                                            : Names{branch.name, slug_of(branch.name)});
      if (distinct(names)) break;
    }
    const bool clear = distinct(names);
    for (std::size_t i = 0; i < branches.size(); ++i) {
      Branch& branch = branches[i];
      const std::string mark = clear ? "" : (names[i].text.empty() ? "v" : "-v") + std::to_string(i + 1);
      branch.base.text = names[i].text + mark;
      branch.base.slug = names[i].slug + mark;
      std::vector<AxisPoint> points = {branch.base};
      std::string count;
      std::size_t size = 1;
      for (const Axis& nested : branch.axes) {
        size *= nested.points.size();
        if (size > kMostPoints)
          return fail(pointer_child(at, i),
                      "a branch of more than " + std::to_string(kMostPoints) + " points; sweep fewer values");
        points = product(points, nested.points);
        count += (count.empty() ? "" : " x ") + nested.count;
      }
      axis.points.insert(axis.points.end(), points.begin(), points.end());
      axis.count += (i ? " + " : "(") + (count.empty() ? "1" : count);
    }
    axis.count += ")";
  }

  const Source& source_;
  Problems& problems_;
};

}  // namespace

std::vector<Axis> read_sweep(const Source& source, Problems& problems) {
  return SweepReader(source, problems).read();
}

}  // namespace saddle
