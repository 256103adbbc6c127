// What breaks in the first round is told at plan, with its place in the grid, before anything runs.
#include <catch2/catch.hpp>

#include <sstream>

#include "grids.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// What `plan` says of each point of the sweep, by its label; the folder of the plugins is left out.
Json refusals(const Json& grid) {
  const Place place;
  const auto answer = place.saddle({"--plugins", BROKEN_PLUGINS, "plan", place.write("grid.json", grid)});
  INFO(answer.out << answer.err);
  CHECK(answer.code == 2);
  Json lines = Json::object();
  std::istringstream all(answer.err);
  for (std::string line; std::getline(all, line);) {
    const size_t label = line.rfind(" (in "), place_end = line.find(": ", line.find("grid.json"));
    REQUIRE(label != std::string::npos);
    std::string text = line.substr(0, label).substr(place_end + 2);
    for (size_t at; (at = text.find(BROKEN_PLUGINS "/")) != std::string::npos;)
      text.erase(at, std::string(BROKEN_PLUGINS "/").size());
    const size_t pointer = line.find(" /", line.find("grid.json"));
    if (pointer < place_end) text = line.substr(pointer + 1, place_end - pointer - 1) + ": " + text;
    lines[line.substr(label + 5, line.size() - label - 6)] = text;
  }
  return lines;
}

}  // namespace

TEST_CASE("a broken loss is refused at plan by name and reason") {
  const auto list = [](const char* name) { return Json::array({use(name)}); };
  Json grid =
      broken_grid("losses", "losses",
                  {list("throws_in_compute"), list("silent_failure"), list("lets_an_exception_out"),
                   list("detached_loss"), list("releases_twice"), list("endless_recursion"),
                   list("leaks_handles"), list("prints_megabytes"), Json::array({{{"use", "hinge"}}})});
  const Json expected = {
      {"throws_in_compute", "/losses/0: loss 'throws_in_compute': compute is not in the mood"},
      {"silent_failure",
       "/losses/0: loss 'silent_failure': failed without saying why (it did not call set_error)"},
      {"lets_an_exception_out",
       "/losses/0: loss 'lets_an_exception_out': an exception left its compute, which no plugin may let "
       "happen: nobody will catch me"},
      {"detached_loss",
       "/losses/0: loss 'detached_loss': what it gave 'discriminator' to minimise does not depend on that "
       "player's weights (was it detached?), so nothing can be trained"},
      {"releases_twice",
       "/losses/0: loss 'releases_twice': compute released a tensor that it did not hold: twice, or one that "
       "was only lent to it"},
      {"endless_recursion",
       "the worker that built this was ended by signal 11 (Segmentation fault); it wrote: signal 11 in loss "
       "'endless_recursion' of endless_recursion.so, in compute"}};
  CHECK(refusals(grid) == expected);
}

TEST_CASE("a broken model is refused at plan by name and reason") {
  Json grid =
      broken_grid("models", "models.discriminator",
                  {use("throws_in_create"), use("throws_in_forward"), use("wrong_shape"), use("wrong_dtype"),
                   use("segfault_in_forward"), use("exit_in_create"), use("exit_in_forward"),
                   use("hang_in_create"), use("hang_in_forward"), use("non_finite"), use("sound")});
  grid["limits"] = {{"time_s", 2}};
  const std::string built = "the worker that built this ";
  const auto expected_hang = [&](const std::string& name, const std::string& function) {
    return built + "gave no answer for 2 s and was stopped; it wrote: asked to stop in model '" + name +
           "' of " + name + ".so, in " + function;
  };
  const Json expected = {
      {"throws_in_create", "/models/discriminator: model 'throws_in_create': create is not in the mood"},
      {"throws_in_forward", "/models/discriminator: model 'throws_in_forward': forward is not in the mood"},
      {"wrong_shape",
       "/models/discriminator: model 'wrong_shape': its output 'logit' is float32 [1, 1] on cpu; expected "
       "the 2 samples of the batch as its first dimension"},
      {"wrong_dtype",
       "/models/discriminator: model 'wrong_dtype': its output 'logit' is float64 [2, 1] on cpu; expected "
       "float32, as its inputs"},
      {"segfault_in_forward", built + "was ended by signal 11 (Segmentation fault); it wrote: signal 11 in "
                                      "model 'segfault_in_forward' of segfault_in_forward.so, in forward"},
      {"exit_in_create", built +
                             "left with code 1; it wrote: model 'exit_in_create' of exit_in_create.so called "
                             "exit(0) in create"},
      {"exit_in_forward", built + "left with code 1; it wrote: model 'exit_in_forward' of exit_in_forward.so "
                                  "called exit(3) in forward"},
      {"hang_in_create", expected_hang("hang_in_create", "create")},
      {"hang_in_forward", expected_hang("hang_in_forward", "forward")}};
  CHECK(refusals(grid) == expected);
}

TEST_CASE("a data set that writes where it must not, or labels what is not there, is refused at plan") {
  const Json grid = broken_grid(
      "datasets", "dataset", {use("writes_past_end"), use("writes_before_start"), use("label_out_of_range")});
  const Json expected = {
      {"writes_past_end",
       "/dataset: dataset 'writes_past_end': fill wrote past the end of its buffer of 2048 bytes for 256 "
       "samples, at least 8 bytes too far"},
      {"writes_before_start",
       "/dataset: dataset 'writes_before_start': fill wrote before the start of its buffer of 2048 bytes for "
       "256 labels"},
      {"label_out_of_range",
       "/dataset: dataset 'label_out_of_range': fill gave sample 255 of 256 the label 2; expected 0 to 1"}};
  CHECK(refusals(grid) == expected);
}
