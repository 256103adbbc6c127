#include <catch2/catch.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// Five learning rates, the best of them first, so that it waits for others. Rungs at
// 40 and 80 of 120 rounds, each of which takes some milliseconds.
Json halving_grid() {
  Json grid = small_grid();
  for (const char* player : {"generator", "discriminator"}) grid["models"][player]["width"] = 192;
  grid["train"] = {{"rounds", 120},
                   {"batch", 256},
                   {"latent", {{"size", 4}}},
                   {"updates", {{"discriminator", 2}}},
                   {"ema", {{"decay", 0.9}}}};
  grid["metrics"] = {{{"use", "frechet"}, {"every", 20}, {"samples", 200}}};
  grid["record"]["every"] = 20;
  grid["sweep"] = {{"optimizers.generator.lr", {{"values", {1e-3, 1e-7, 1e-6, 1e-5, 3e-5}}}}};
  grid["prune"] = {{"use", "asha"}, {"metric", "frechet"}, {"warmup", 40}, {"eta", 2}};
  return grid;
}

// Every number but the clock's, and what each picture was.
Json numbers(const Place& place, const std::string& which) {
  return {
      place.sql("select t.name, m.metric, m.step, m.value, m.kind from metrics m join trials t using (trial) "
                "where m.metric != 'images_per_second' and " +
                which + " order by 1, 2, 3"),
      place.sql("select a.trial_name, a.name, a.step, a.sha256 from artifacts a join trials t using (trial) "
                "where a.kind = 'samples' and " +
                which + " order by 1, 2, 3")};
}

}  // namespace

TEST_CASE("a trial that was paused and promoted is the one that never stopped, bit for bit") {
  const Place whole;
  Json grid = halving_grid();
  grid.erase("prune");
  REQUIRE(whole.saddle({"run", whole.write("grid.json", grid)}).code == 0);

  const Place place;
  const auto answer = place.saddle({"run", place.write("grid.json", halving_grid()), "--jobs", "1"});
  INFO(answer.out << answer.err);
  REQUIRE(answer.code == 0);
  std::string done;
  bool paused_before = false;
  for (const Json& trial : place.sql("select name, attempts from trials where state = 'done'")) {
    done += (done.empty() ? "'" : ", '") + trial["name"].get<std::string>() + "'";
    paused_before = paused_before || trial["attempts"] >= 2;
  }
  REQUIRE(paused_before);
  CHECK(place.sql("select count(*) as n from events where type = 'promote'")[0]["n"] >= 2);
  CHECK(place.sql("select count(*) as n from trials where state = 'pruned' and last_step < 120")[0]["n"] >=
        2);
  CHECK(place.sql("select count(*) as n from trials where state not in ('done', 'pruned')")[0]["n"] == 0);
  done = "t.name in (" + done + ")";
  const bool same = numbers(place, done) == numbers(whole, done);
  CHECK(same);

  // And so are those that were given up, once somebody finishes them.
  REQUIRE(place.saddle({"resume", "--no-prune"}).code == 0);
  const bool all_the_same = numbers(place, "true") == numbers(whole, "true");
  CHECK(all_the_same);
}
