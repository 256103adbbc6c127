#include <grid/values.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

#include <common/nearest.hpp>
#include <grid/draws.hpp>
#include <grid/host_schema.hpp>

namespace saddle {
namespace {

const std::vector<std::string>& distributions() {
  static const std::vector<std::string> names = {"uniform", "log_uniform", "integer", "choice"};
  return names;
}

std::string number_text(const Json& value) {
  const std::string text = value.dump();
  return value.is_number_float() && text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

// A body checked against its schema in host_schema.json; nothing when it is wrong.
std::optional<Json> checked(const Json& schema, const Json& body, const std::string& pointer,
                            const std::string& what, const Report& report) {
  bool good = true;
  Json value = apply_schemas({&schema}, body, pointer, what,
                             [&](const std::string& at, const std::string& text, bool key) {
                               good = false;
                               report(at, text, key);
                             });
  if (!good) return std::nullopt;
  return value;
}

const Json& form_schema(const std::string& form) { return host_schema()["sweep"][form]; }

std::vector<SweptValue> list(const Json& body, const std::string& pointer, const Report& report) {
  if (!body.is_array() || body.empty()) {
    report(pointer, "expected a list of at least one value, found " + describe_value(body), false);
    return {};
  }
  std::vector<SweptValue> values;
  for (std::size_t i = 0; i < body.size(); ++i) values.push_back({body[i], pointer_child(pointer, i)});
  return values;
}

std::vector<SweptValue> range(const Json& body, const std::string& pointer, const Report& report) {
  const std::optional<Json> range = checked(form_schema("range"), body, pointer, "a range", report);
  if (!range) return {};
  const double from = (*range)["from"], to = (*range)["to"], step = (*range)["step"];
  const double count = step == 0 ? -1 : std::floor((to - from) / step + 1e-9) + 1;
  if (!(count >= 1)) {
    report(pointer,
           "the range never gets from " + number_text((*range)["from"]) + " to " +
               number_text((*range)["to"]) + " in steps of " + number_text((*range)["step"]) +
               "; give step the sign of to - from",
           false);
    return {};
  }
  if (count > static_cast<double>(kMostPoints)) {
    report(pointer, "a range of more than " + std::to_string(kMostPoints) + " values; take a larger step",
           false);
    return {};
  }
  const bool whole = body["from"].is_number_integer() && body["step"].is_number_integer();
  std::vector<SweptValue> values;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const double value = from + static_cast<double>(i) * step;
    // 0.1 + 2 * 0.1 is meant to be 0.3, not 0.30000000000000004
    values.push_back(
        {whole ? Json(static_cast<std::int64_t>(std::llround(value))) : Json(round_digits(value, 12)),
         pointer});
  }
  return values;
}

std::vector<SweptValue> logspace(const Json& body, const std::string& pointer, const Report& report) {
  const std::optional<Json> form = checked(form_schema("logspace"), body, pointer, "a logspace", report);
  if (!form) return {};
  const double from = (*form)["from"], to = (*form)["to"];
  const auto n = (*form)["n"].get<std::size_t>();
  const double low = portable_log(from), width = portable_log(to) - low;
  std::vector<SweptValue> values;
  for (std::size_t i = 0; i < n; ++i) {
    const double value = portable_exp(low + width * static_cast<double>(i) / static_cast<double>(n - 1));
    values.push_back({i == 0 ? from : i == n - 1 ? to : round_digits(value, 12), pointer});
  }
  return values;
}

// So many that a step of the last digit is some 1e-5 of the width or less.
int digits_for(double from, double to) {
  const double largest = std::max(std::fabs(from), std::fabs(to));
  int digits = 6;
  for (double width = (to - from) * 10; width < largest && digits < 15; width *= 10) ++digits;
  return digits;
}

// n values of a distribution; none, with a report, when it is wrong.
std::vector<SweptValue> drawn(const std::string& name, const Json& body, const std::string& pointer,
                              std::size_t n, const Stream& stream, const Report& report) {
  std::vector<SweptValue> values;
  if (name == "choice") {
    const std::vector<SweptValue> choices = list(body, pointer, report);
    for (std::size_t i = 0; i < n && !choices.empty(); ++i)
      values.push_back(choices[stream.below(choices.size(), i)]);
    return values;
  }
  const std::optional<Json> bounds = checked(form_schema(name == "log_uniform" ? "log_bounds"
                                                         : name == "integer"   ? "whole_bounds"
                                                                               : "bounds"),
                                             body, pointer, name, report);
  if (!bounds) return {};
  if ((*bounds)["from"] >= (*bounds)["to"]) {
    report(pointer,
           "from " + number_text((*bounds)["from"]) + " to " + number_text((*bounds)["to"]) +
               " has no width; expected from < to",
           false);
    return {};
  }
  if (name == "integer") {
    const std::int64_t from = (*bounds)["from"], to = (*bounds)["to"];
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t width = static_cast<std::uint64_t>(to - from) + 1;
      values.push_back({from + static_cast<std::int64_t>(stream.below(width, i)), pointer});
    }
    return values;
  }
  const double from = (*bounds)["from"], to = (*bounds)["to"];
  const bool by_ratio = name == "log_uniform";
  const double low = by_ratio ? portable_log(from) : from;
  const double width = (by_ratio ? portable_log(to) : to) - low;
  const int digits = by_ratio ? 6 : digits_for(from, to);
  for (std::size_t i = 0; i < n; ++i) {
    const double at = low + width * stream.unit(i);
    values.push_back({std::clamp(round_digits(by_ratio ? portable_exp(at) : at, digits), from, to), pointer});
  }
  return values;
}

// The one entry of `body` that is a distribution; "" with a report otherwise.
std::string distribution_of(const Json& body, const std::string& pointer, const Report& report) {
  std::string found;
  if (body.is_object()) {
    for (const auto& [key, value] : body.items()) {
      const auto& names = distributions();
      if (std::find(names.begin(), names.end(), key) == names.end()) continue;
      if (!found.empty()) {
        report(pointer_child(pointer, key),
               "one distribution is enough: \"" + found + "\" stands here already", true);
        return "";
      }
      found = key;
    }
  }
  if (found.empty() && body.is_object() && body.size() == 1 && !body.contains("n")) {
    const std::string key = body.begin().key();
    report(pointer_child(pointer, key),
           "unknown distribution \"" + key + "\". " + suggestion(key, distributions()), true);
    return "";
  }
  if (found.empty())
    report(pointer,
           "expected an object with one of \"uniform\", \"log_uniform\", \"integer\" and \"choice\", found " +
               describe_value(body),
           false);
  return found;
}

std::vector<SweptValue> random(const Json& body, const std::string& pointer, const std::string& path,
                               const Report& report) {
  if (body.is_object() && body.contains("draw")) {
    report(pointer_child(pointer, "draw"),
           "\"draw\" names its paths itself: put this form under a name that is no path, or give the "
           "distribution here",
           true);
    return {};
  }
  const std::optional<Json> form = checked(form_schema("random"), body, pointer, "random", report);
  if (!form) return {};
  const std::string name = distribution_of(body, pointer, report);
  if (name.empty()) return {};
  return drawn(name, body[name], pointer_child(pointer, name), (*form)["n"], Stream((*form)["seed"], path),
               report);
}

}  // namespace

const std::vector<std::string>& value_forms() {
  static const std::vector<std::string> names = {"values", "range", "logspace", "random"};
  return names;
}

std::vector<SweptValue> read_values(const std::string& form, const Json& body, const std::string& pointer,
                                    const std::string& path, const Report& report) {
  if (form == "values") return list(body, pointer, report);
  if (form == "range") return range(body, pointer, report);
  if (form == "logspace") return logspace(body, pointer, report);
  return random(body, pointer, path, report);
}

Draws read_draws(const Json& body, const std::string& pointer, const std::vector<std::string>& paths,
                 const Report& report) {
  Draws draws;
  const std::optional<Json> form = checked(form_schema("draws"), body, pointer, "random", report);
  if (!form) return draws;
  draws.n = (*form)["n"];
  const std::string at = pointer_child(pointer, "draw");
  for (const std::string& path : paths) {
    const Json& entry = body["draw"][path];
    const std::string here = pointer_child(at, path), name = distribution_of(entry, here, report);
    if (name.empty()) return {};
    if (entry.size() != 1) {
      report(here,
             "expected the distribution alone; \"n\" and \"seed\" stand beside \"draw\", found " +
                 describe_value(entry),
             false);
      return {};
    }
    draws.columns.push_back(
        drawn(name, entry[name], pointer_child(here, name), draws.n, Stream((*form)["seed"], path), report));
    if (draws.columns.back().empty()) return {};
  }
  return draws;
}

}  // namespace saddle
