// What a worker may say, and what of it is refused.
#include <catch2/catch.hpp>

#include <schedule/messages.hpp>

using namespace saddle::schedule;
namespace db = saddle::db;

namespace {

std::string refusal(const std::string& payload) {
  try {
    read_event(payload);
  } catch (const std::exception& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("events are read as what they are") {
  const auto started = std::get<db::WorkerInfo>(read_event(
      R"({"type": "started", "libtorch": "2.11.0", "threads": 2, "resumed_from_step": 7,
          "plugins": [{"component": "loss/hinge", "version": "1", "file": "/p.so", "sha256": "ab"}], "new": {}})"));
  CHECK(started.libtorch == "2.11.0");
  CHECK(started.threads == 2);
  CHECK(started.resumed_from_step == 7);
  REQUIRE(started.plugins.size() == 1);
  CHECK(started.plugins[0].kind == "loss");
  CHECK(started.plugins[0].name == "hinge");

  const auto finished = std::get<Finished>(
      read_event(R"({"type": "finished", "reason": "diverged", "message": "m", "step": 3})"));
  CHECK(finished.reason == db::Reason::diverged);
  CHECK(finished.message == "m");
  CHECK(finished.step == 3);

  const auto activity = std::get<Activity>(read_event(
      R"({"type": "progress", "component": "dataset 'x'", "what": "reading", "done": 1, "total": 2})"));
  CHECK(activity.what == "dataset 'x': reading");
  CHECK(activity.total == 2);

  CHECK(std::get<Note>(read_event(R"({"type": "warning", "message": "mind"})")).message == "mind");
  CHECK(std::get<Note>(read_event(R"({"type": "checkpoint", "step": 9})")).message == "at step 9");
  CHECK(std::get<Note>(read_event(R"({"type": "of a later version"})")).type == "of a later version");
}

TEST_CASE("events that make no sense are refused") {
  CHECK(refusal("[]") == "a message that is no JSON object");
  CHECK(refusal("{}") == "a message without \"type\"");
  CHECK(refusal(R"({"type": 3})") == "\"type\" is not a text");
  CHECK(refusal(R"({"type": "finished"})") == "a message without \"reason\"");
  CHECK(refusal(R"({"type": "finished", "reason": "lost"})") ==
        "it finished for an unknown reason, \"lost\"");
  CHECK(refusal(R"({"type": "finished", "reason": "ok", "step": 1e300})") ==
        "\"step\" is not an integer of 64 bits");
  CHECK(refusal(R"({"type": "finished", "reason": "ok", "step": 18446744073709551615})") ==
        "\"step\" is not an integer of 64 bits");
  CHECK(refusal(R"({"type": "checkpoint"})") == "a message without \"step\"");
  CHECK(refusal(R"({"type": "started", "plugins": 3})") == "\"plugins\" is not a list");
  CHECK(refusal(R"({"type": "started", "plugins": [{"component": "hinge"}]})") ==
        "component \"hinge\" is not kind/name");
  CHECK(refusal(std::string(1 << 20, '[')) == "a message nested deeper than 100 levels");
  CHECK_THAT(refusal("{\"type\": \"\xFF\"}"), Catch::Contains("ill-formed UTF-8"));
}

TEST_CASE("metric keys and artifacts are checked") {
  const MetricName key = read_metric_name(R"({"id": 4294967295, "name": "frechet", "protocol": {"a": 1}})");
  CHECK(key.id == 4294967295U);
  CHECK(key.protocol == "{\"a\":1}");
  CHECK(read_metric_name(R"({"id": 0, "name": "x", "protocol": null})").protocol.empty());
  CHECK_THROWS_WITH(read_metric_name(R"({"id": 4294967296, "name": "x"})"), Catch::Contains("32 bits"));
  CHECK_THROWS_WITH(read_metric_name(R"({"id": -1, "name": "x"})"), Catch::Contains("32 bits"));
  CHECK_THROWS_WITH(read_metric_name(R"({"id": 1})"), Catch::Contains("\"name\""));

  const auto at = [](const std::string& path) {
    return R"({"kind": "file", "name": "n", "step": 1, "path": ")" + path + "\"}";
  };
  CHECK(read_artifact(at("a/../samples-1.png")).path == "a/../samples-1.png");
  for (const char* path : {"/etc/passwd", "../other/attempt-1/x", "a/../../x", ".", "a/.."})
    CHECK_THROWS_WITH(read_artifact(at(path)), Catch::Contains("is not in the attempt's folder"));
}
