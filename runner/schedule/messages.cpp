#include <schedule/messages.hpp>

#include <filesystem>
#include <limits>
#include <stdexcept>

#include <common/json.hpp>

namespace saddle::schedule {
namespace {

Json parse(std::string_view payload) {
  // Recursion is as deep as the text; 16 MiB of "[" would be the end of the stack when it is taken apart.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    if (depth > 100) throw std::runtime_error("a message nested deeper than 100 levels");
    return true;
  };
  Json message = Json::parse(payload, shallow);
  if (!message.is_object()) throw std::runtime_error("a message that is no JSON object");
  return message;
}

std::string text(const Json& message, const char* key) {
  const auto found = message.find(key);
  if (found == message.end()) return {};
  if (!found->is_string()) throw std::runtime_error(std::string("\"") + key + "\" is not a text");
  return found->get<std::string>();
}

std::string needed_text(const Json& message, const char* key) {
  if (std::string value = text(message, key); !value.empty()) return value;
  throw std::runtime_error(std::string("a message without \"") + key + "\"");
}

std::int64_t integer(const Json& message, const char* key, std::int64_t otherwise) {
  const auto found = message.find(key);
  if (found == message.end()) return otherwise;
  const bool fits =
      found->is_number_integer() && (!found->is_number_unsigned() ||
                                     found->get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max());
  if (!fits) throw std::runtime_error(std::string("\"") + key + "\" is not an integer of 64 bits");
  return found->get<std::int64_t>();
}

std::int64_t needed_integer(const Json& message, const char* key) {
  if (!message.contains(key)) throw std::runtime_error(std::string("a message without \"") + key + "\"");
  return integer(message, key, 0);
}

db::WorkerInfo started(const Json& event) {
  db::WorkerInfo info;
  info.libtorch = text(event, "libtorch");
  info.isa = text(event, "isa");
  info.device = text(event, "device");
  info.threads = integer(event, "threads", 0);
  info.resumed_from_step = integer(event, "resumed_from_step", -1);
  const auto plugins = event.find("plugins");
  if (plugins == event.end()) return info;
  if (!plugins->is_array()) throw std::runtime_error("\"plugins\" is not a list");
  for (const Json& plugin : *plugins) {
    if (!plugin.is_object()) throw std::runtime_error("a plugin that is no JSON object");
    const std::string component = needed_text(plugin, "component");
    const std::size_t slash = component.find('/');
    if (slash == std::string::npos)
      throw std::runtime_error("component \"" + component + "\" is not kind/name");
    info.plugins.push_back({component.substr(0, slash), component.substr(slash + 1), text(plugin, "version"),
                            text(plugin, "file"), text(plugin, "sha256")});
  }
  return info;
}

Finished finished(const Json& event) {
  const std::string name = needed_text(event, "reason");
  const auto reason = db::reason_from(name);
  const bool own = reason == db::Reason::ok || reason == db::Reason::diverged ||
                   reason == db::Reason::error || reason == db::Reason::cancelled;
  if (!own) throw std::runtime_error("it finished for an unknown reason, \"" + name + "\"");
  return {*reason, text(event, "message"), integer(event, "step", -1)};
}

}  // namespace

EventMessage read_event(std::string_view payload) {
  const Json event = parse(payload);
  const std::string type = needed_text(event, "type");
  if (type == "started") return started(event);
  if (type == "finished") return finished(event);
  if (type == "progress")
    return Activity{text(event, "component") + ": " + text(event, "what"), integer(event, "done", 0),
                    integer(event, "total", 0)};
  Note note{type, text(event, "message")};
  if (type == "checkpoint") note.message = "at step " + std::to_string(needed_integer(event, "step"));
  return note;
}

MetricName read_metric_name(std::string_view payload) {
  const Json key = parse(payload);
  const std::int64_t id = needed_integer(key, "id");
  if (id < 0 || id > std::numeric_limits<std::uint32_t>::max())
    throw std::runtime_error("the metric key " + std::to_string(id) + " has more than 32 bits");
  const Json protocol = key.value("protocol", Json());
  return {static_cast<std::uint32_t>(id), needed_text(key, "name"),
          protocol.is_null() ? "" : protocol.dump()};
}

db::Artifact read_artifact(std::string_view payload) {
  const Json artifact = parse(payload);
  db::Artifact row;
  row.kind = needed_text(artifact, "kind");
  row.name = needed_text(artifact, "name");
  row.step = needed_integer(artifact, "step");
  row.path = needed_text(artifact, "path");
  const std::filesystem::path path = std::filesystem::path(row.path).lexically_normal();
  if (path.is_absolute() || *path.begin() == ".." || path == ".")
    throw std::runtime_error("an artifact at \"" + row.path + "\", which is not in the attempt's folder");
  row.sha256 = text(artifact, "sha256");
  row.bytes = integer(artifact, "bytes", 0);
  row.media_type = text(artifact, "media_type");
  return row;
}

}  // namespace saddle::schedule
