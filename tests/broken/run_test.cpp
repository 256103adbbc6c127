// What breaks later costs its own trial, with a reason and a message; the rest of the grid goes on.
#include <catch2/catch.hpp>

#include "grids.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// More calls than the proof at plan makes, fewer than 20 rounds.
constexpr int kLater = 15;

struct End {
  std::string state, reason, message;
};

// How each trial of the grid ended, by what the sweep says of it.
std::map<std::string, End> ends(const Place& place, const Json& grid, const Arguments& more = {}) {
  Arguments run = {"--plugins", BROKEN_PLUGINS, "run", place.write("grid.json", grid)};
  run.insert(run.end(), more.begin(), more.end());
  const auto answer = place.saddle(run);
  INFO(answer.out << answer.err);
  CHECK(answer.code == 1);
  std::map<std::string, End> all;
  for (const Json& row : place.sql("select name, state, reason, message from trials order by trial")) {
    const std::string name = row["name"];
    std::string message = row["message"].is_null() ? "" : row["message"].get<std::string>();
    for (size_t at; (at = message.find(BROKEN_PLUGINS "/")) != std::string::npos;)
      message.erase(at, std::string(BROKEN_PLUGINS "/").size());
    // 0003-throws_in_compute-after15-s0
    std::string key = name.substr(5, name.rfind("-s") - 5);
    all[key.substr(0, key.find("-after"))] = {row["state"], row["reason"], message};
  }
  return all;
}

// Of whatever row of a query.
std::string text(const Place& place, const std::string& query) {
  const Json rows = place.sql(query);
  return rows.empty() ? "" : rows[0].begin()->get<std::string>();
}

}  // namespace

TEST_CASE("trials that meet broken losses end with their reasons, and the others go on") {
  const Place place;
  const auto later = [](const char* name) { return Json::array({use(name, kLater)}); };
  const Json grid =
      broken_grid("losses", "losses",
                  {later("throws_in_compute"), Json::array({{{"use", "hinge"}}}),
                   later("lets_an_exception_out"), later("detached_loss"), later("releases_twice"),
                   later("endless_recursion"), later("leaks_handles"), later("prints_megabytes")});
  auto end = ends(place, grid);
  REQUIRE(end.size() == 8);
  CHECK(end["hinge"].reason == "ok");
  CHECK(end["throws_in_compute"].reason == "error");
  CHECK(end["throws_in_compute"].message ==
        "/losses/0: loss 'throws_in_compute': compute is not in the mood");
  CHECK(end["lets_an_exception_out"].reason == "error");
  CHECK(end["lets_an_exception_out"].message ==
        "/losses/0: loss 'lets_an_exception_out': an exception left its compute, which no plugin may let "
        "happen: nobody will catch me");
  CHECK(end["detached_loss"].reason == "error");
  CHECK_THAT(end["detached_loss"].message, Catch::Contains("(was it detached?)"));
  // The reference that it took was somebody's: the attempt ends with the message, or in a crash after it.
  CHECK(end["releases_twice"].state == "failed");
  CHECK_THAT(
      end["releases_twice"].message,
      Catch::Contains("loss 'releases_twice': compute released a tensor that it did not hold: twice, or "
                      "one that was only lent to it"));
  CHECK(end["endless_recursion"].reason == "signal");
  CHECK(
      end["endless_recursion"].message ==
      "the worker was ended by signal 11 (SIGSEGV); it printed last:\nsignal 11 in loss 'endless_recursion' "
      "of endless_recursion.so, in compute");
  // Not fatal, but told: two updates a round kept one handle each.
  CHECK(end["leaks_handles"].reason == "ok");
  CHECK_THAT(text(place, "select message from events where type = 'warning' and message like '%leak%'"),
             Catch::StartsWith("loss 'leaks_handles' of ") &&
                 Catch::EndsWith("leaked 40 handles to tensors, which it should have released"));
  CHECK(end["prints_megabytes"].reason == "ok");
}

TEST_CASE("trials that meet broken models end with their reasons, and the others go on") {
  const Place place;
  // `state` counts the creations over all processes: the proof at plan is the first.
  const auto second = [&](const char* name) {
    Json one = use(name, 1);
    one["state"] = (place / (std::string(name) + ".count")).string();
    return one;
  };
  Json grid =
      broken_grid("models", "models.discriminator",
                  {second("throws_in_create"), use("throws_in_forward", kLater), use("wrong_shape", kLater),
                   use("wrong_dtype", kLater), use("non_finite", kLater), use("segfault_in_forward", kLater),
                   second("exit_in_create"), use("exit_in_forward", kLater), second("hang_in_create"),
                   use("hang_in_forward", kLater), use("sound", kLater)});
  grid["limits"] = {{"time_s", 4}};
  auto end = ends(place, grid);
  REQUIRE(end.size() == 11);
  CHECK(end["sound"].reason == "ok");
  const auto check = [&](const std::string& name, const std::string& reason, const std::string& message) {
    INFO(name);
    CHECK(end[name].reason == reason);
    CHECK(end[name].message == message);
  };
  check("throws_in_create", "error",
        "/models/discriminator: model 'throws_in_create': create is not in the mood");
  check("throws_in_forward", "error",
        "/models/discriminator: model 'throws_in_forward': forward is not in the mood");
  check(
      "wrong_shape", "error",
      "/models/discriminator: model 'wrong_shape': its output 'logit' is float32 [7, 1] on cpu; expected the "
      "8 samples of the batch as its first dimension");
  check("wrong_dtype", "error",
        "/models/discriminator: model 'wrong_dtype': its output 'logit' is float64 [8, 1] on cpu; expected "
        "float32, as its inputs");
  check("segfault_in_forward", "signal",
        "the worker was ended by signal 11 (SIGSEGV); it printed last:\nsignal 11 in model "
        "'segfault_in_forward' of segfault_in_forward.so, in forward");
  check("exit_in_create", "error", "model 'exit_in_create' of exit_in_create.so called exit(0) in create");
  check("exit_in_forward", "error",
        "model 'exit_in_forward' of exit_in_forward.so called exit(3) in forward");
  check("non_finite", "diverged",
        "discriminator/total is not finite in round 6; the earliest that is not: output 'logit' of "
        "discriminator (model 'non_finite') on fake");
  for (const char* name : {"hang_in_create", "hang_in_forward"}) {
    const std::string function = std::string(name).substr(8);
    check(name, "timeout",
          std::string("stopped after 4 s (limits.time_s); it did not react and was killed; it printed last:\n"
                      "asked to stop in model '") +
              name + "' of " + name + ".so, in " + function);
  }
}

TEST_CASE("trials that meet a broken data set or metric end with their reasons") {
  const Place place;
  Json grid =
      broken_grid("others", "metrics",
                  {Json::array({use("throws_in_measure", 0)}), Json::array({use("misspells_higher", 0)}),
                   Json::array({{{"use", "modes"}, {"samples", 20}}})});
  auto end = ends(place, grid);
  CHECK(end["modes"].reason == "ok");
  CHECK(end["throws_in_measure"].reason == "error");
  CHECK(end["throws_in_measure"].message ==
        "/metrics/0: metric 'throws_in_measure': measure is not in the mood");
  CHECK(end["misspells_higher"].reason == "ok");
  CHECK(text(place, "select message from events where type = 'warning'") ==
        "metric 'misspells_higher' lists \"likenes\" in \"higher\", and gives no number of that name; if "
        "\"likeness\" is meant, of which less now counts as better, correct its description");
}
