// saddle eval TRIAL: values under other protocols, added to what is stored; curves over truncations.
#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

const char* const kGrid = R"({
  "name": "points",
  "dataset": {"use": "gaussians", "count": 256},
  "models": {"generator": {"use": "mlp", "width": 8, "batch_norm": true},
             "discriminator": {"use": "mlp", "width": 8}},
  "losses": [{"use": "ns"}],
  "optimizers": {"generator": {"use": "adam", "lr": 0.01}, "discriminator": {"use": "adam", "lr": 0.01}},
  "train": {"rounds": 12, "batch": 16, "latent": {"size": 4}, "ema": {"decay": 0.9}},
  "metrics": [{"use": "frechet", "every": 6, "samples": 200},
              {"use": "frechet", "samples": 100, "batch_norm": "standing", "standing_passes": 3, "truncation": 0.7}]
})";

}  // namespace

TEST_CASE("a past trial is measured under another protocol, and what was stored stays") {
  const Scratch scratch;
  const std::string database = run_grid(scratch, "points", kGrid);
  const auto rows = [&] {
    return ask(
        {"sql", "--db", database,
         "select metric, step, value, protocol from metrics where protocol is not null order by 1, 4, 2"});
  };
  const Json before = rows();
  const auto eval = [&](const Arguments& more) {
    Arguments arguments = {"eval", "1", "--db", database};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const auto refused = [&](const Arguments& more) { return refusal(eval(more)); };

  SECTION("protocols") {
    // Nothing else asked for: what training measured last, the same bits, both entries.
    const Json same = ask(eval({}))["measured"];
    REQUIRE(same.size() == 2);
    for (const Json& m : same) {
      bool stored = false;
      for (const Json& row : before)
        stored = stored || (row["metric"] == m["metric"] && row["step"] == 12 && row["value"] == m["value"] &&
                            Json::parse(row["protocol"].get<std::string>()) == m["protocol"]);
      INFO(m.dump());
      CHECK(stored);
    }
    CHECK(same[1]["protocol"]["batch_norm"] == "standing");
    CHECK(same[1]["protocol"]["standing_passes"] == 3);
    CHECK(same[1]["protocol"]["truncation"] == 0.7);
    CHECK(rows() == before);

    const Json other =
        ask(eval({"--metrics", "prdc,modes", "--set", "prdc.k=3", "--samples", "150", "--split", "test",
                  "--weights", "raw", "--batch-norm", "batch", "--z-std", "0.8"}));
    CHECK(other["step"] == 12);
    REQUIRE(other["measured"].size() >= 6);
    for (const Json& m : other["measured"]) {
      const Json& p = m["protocol"];
      CHECK(p["fake"] == 150);
      CHECK(p["split"] == "test");
      CHECK(p["weights"] == "raw");
      CHECK(p["batch_norm"] == "batch");
      CHECK(p["z_std"] == 0.8);
      CHECK(p["truncation"].is_null());
    }
    CHECK(other["measured"][0]["protocol"]["parameters"]["k"] == 3);
    const Json after = rows();
    CHECK(after.size() == before.size() + other["measured"].size());
    for (const Json& row : before) CHECK(std::find(after.begin(), after.end(), row) != after.end());
    // Again: the same numbers, and no new rows. Another seed is another protocol.
    ask(eval({"--metrics", "prdc,modes", "--set", "prdc.k=3", "--samples", "150", "--split", "test",
              "--weights", "raw", "--batch-norm", "batch", "--z-std", "0.8"}));
    CHECK(rows() == after);
    const Json seeded = ask(eval({"--seed", "8"}))["measured"];
    CHECK(seeded[0]["protocol"]["latents"] == "a stream of seed 8");
    CHECK(seeded[0]["value"] != same[0]["value"]);
    CHECK(rows().size() == after.size() + 2);
    CHECK(ask({"sql", "--db", database, "select type from events where type = 'evaluated'"}).size() == 2);
    // By any name that show takes, and as a table.
    const Answer table = run_saddle({"eval", "points/0001-s0", "--db", database, "--truncation", "0.5"});
    CHECK(table.code == 0);
    CHECK_THAT(table.out, Contains("frechet") && Contains("0.5000") && Contains("standing"));
    CHECK_THAT(table.err, Contains("at step 12: 2 values added"));
  }

  SECTION("a curve over truncations") {
    const Arguments curve = {"--truncations", "0.1,0.5,1,2",  "--metrics", "frechet,prdc",      "--samples",
                             "100",           "--batch-norm", "standing",  "--standing-passes", "2"};
    Arguments plotted = eval(curve);
    plotted.insert(plotted.end(), {"--plot", scratch / "curve.png"});
    const Answer answer = run_saddle(plotted);
    INFO(answer.err);
    REQUIRE(answer.code == 0);
    CHECK_THAT(answer.out, Contains("truncation  frechet") && Contains("operating point") &&
                               Contains("best frechet") && Contains("best precision") &&
                               Contains("precision of validation data") && Contains("of the split test"));
    CHECK(std::filesystem::file_size(scratch / "curve.png") > 1000);
    // Each point is what its truncation alone gives, standing statistics included.
    const Json whole = ask(eval(curve));
    REQUIRE(whole["validation"]["split"] == "test");
    CHECK(whole["validation"]["numbers"]["precision"] > 0.5);
    REQUIRE(whole["operating_points"].size() == 3);
    CHECK(whole["operating_points"][0]["name"] == "best frechet");
    CHECK(whole["operating_points"][2]["name"] == "best precision");
    const Json alone = ask(eval({"--truncation", "0.5", "--metrics", "frechet,prdc", "--samples", "100",
                                 "--batch-norm", "standing", "--standing-passes", "2"}));
    for (const Json& m : alone["measured"])
      CHECK(std::find(whole["measured"].begin(), whole["measured"].end(), m) != whole["measured"].end());
    CHECK(rows().size() == before.size() + 4 * 5);
    // The list of trials keeps to what training measured.
    const Answer list = run_saddle({"ls", "--db", database});
    CHECK_THAT(list.out, Contains("frechet") && !Contains("truncation=0.1") && !Contains("precision"));
    // The best distance of the table is the lowest of the curve.
    double lowest = 1e9, at = 0;
    for (const Json& m : whole["measured"])
      if (m["metric"] == "frechet" && m["value"] < lowest) {
        lowest = m["value"];
        at = m["protocol"]["truncation"];
      }
    const std::string line = answer.out.substr(answer.out.find("best frechet"));
    CHECK(std::stod(line.substr(12)) == Approx(at));
    CHECK(whole["operating_points"][0]["truncation"] == at);
    CHECK(whole["operating_points"][0]["frechet"] == lowest);

    // What gives no curve is kept all the same; precision has recall beside it where there is no distance.
    const std::size_t stored = rows().size();
    const Answer one = run_saddle(eval({"--truncations", "0.3,0.4", "--metrics", "frechet"}));
    CHECK(one.code == 2);
    CHECK_THAT(one.out, Contains("0.3000") && Contains("0.4000"));
    CHECK_THAT(one.err, Contains("4 values added") && Contains("against"));  // two entries
    CHECK(rows().size() == stored + 4);
    const Json two = ask(eval({"--truncations", "0.5,1", "--metrics", "prdc", "--samples", "100"}));
    CHECK(two["operating_points"][0].contains("recall"));
    CHECK_THAT(refused({"--truncations", "0.5,x"}), Contains("found \"x\""));
    CHECK_THAT(refused({"--standing-passes", "4", "--metrics", "prdc"}),
               Contains("add --batch-norm standing"));
    CHECK_THAT(refused({"--plot", scratch / "c.png"}), Contains("--truncations"));
    CHECK_THAT(refused({"--truncations", "0.5,1", "--plot", scratch / "c.gif"}),
               Contains("neither .png nor .svg"));
  }

  SECTION("what cannot be measured is one clear line") {
    CHECK_THAT(refusal({"eval", "--db", database}), Contains("eval takes a TRIAL"));
    CHECK_THAT(refused({"--real", "digits:test"}), Contains("not both"));
    CHECK_THAT(refusal({"eval", "--real", "digits:test", "--fake", "digits:train", "--batch-norm", "batch"}),
               Contains("--batch-norm is for a TRIAL"));
    CHECK_THAT(refusal({"eval", "nothing", "--db", database}), Contains("nothing"));
    CHECK_THAT(refused({"--metrics", "frechte"}), Contains("Nearest: \"frechet\""));
    CHECK_THAT(refused({"--metrics", "prdc", "--set", "prdc.k=0"}),
               Contains("/k") && Contains("out of range"));
    CHECK_THAT(refused({"--set", "prdc.k=3"}), Contains("neither one of the metrics"));
    CHECK_THAT(refused({"--metrics", "prdc", "--split", "training"}),
               Contains("no split 'training'") && Contains("train, test"));
    CHECK_THAT(refused({"--metrics", "prdc", "--features", "critic.logit"}), Contains("no model \"critic\""));
    CHECK_THAT(refused({"--features", "{"}), Contains("is no JSON"));
    CHECK_THAT(refused({"--metrics", "prdc", "--truncation", "0.0001"}), Contains("at least 0.001"));
    CHECK(rows() == before);
    std::filesystem::remove_all(scratch / "points.runs");
    CHECK_THAT(refused({}), Contains("left no checkpoint in"));
  }
}
