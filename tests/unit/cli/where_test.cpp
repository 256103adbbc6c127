#include <catch2/catch.hpp>

#include <cmath>

#include <cli/where.hpp>
#include <common/error.hpp>
#include <db/error.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::cli;
using namespace saddle::cli::test;

namespace {

using Trials = std::vector<std::int64_t>;

std::string config(const std::string& losses, int width, double generator_lr, double discriminator_lr) {
  const auto optimizer = [](double lr) {
    return R"({"use":"adam","lr":)" + std::to_string(lr) + R"(,"betas":[0.0,0.9]})";
  };
  const auto model = [&] {
    return R"({"use":"dcgan","width":)" + std::to_string(width) + R"(,"batch_norm":true})";
  };
  return R"({"losses":)" + losses + R"(,"models":{"generator":)" + model() + R"(,"discriminator":)" +
         model() + R"(},"optimizers":{"generator":)" + optimizer(generator_lr) + R"(,"discriminator":)" +
         optimizer(discriminator_lr) + R"(},"train":{"order":["discriminator","generator"]}})";
}

const std::string kHinge = R"([{"use":"hinge"}])",
                  kHingeR1 = R"([{"use":"hinge"},{"use":"r1","gamma":10.0}])",
                  kPixels = R"({"features":"pixels"})", kLogit = R"({"features":"logit"})";

//  trial  losses    width  lr g, d        frechet               state
//  1      hinge     16     0.001, 0.001   30                    done
//  2      hinge     16     0.001, 0.001   50                    done
//  3      hinge+r1  32     0.001, 0.002   20, under logit 7     done
//  4      hinge+r1  64     0.004, 0.002   none                  failed
//  5      hinge     64     0.004, 0.004   nan                   diverged
struct Filled : Database {
  Filled() {
    const double nan = std::nan("");
    fill(
        path(), "grid",
        {{"c1", 1, config(kHinge, 16, 0.001, 0.001), {{"frechet", kPixels, 30}, {"generator/total", "", -1}}},
         {"c1", 2, config(kHinge, 16, 0.001, 0.001), {{"frechet", kPixels, 50}}},
         {"c3", 1, config(kHingeR1, 32, 0.001, 0.002), {{"frechet", kPixels, 20}, {"frechet", kLogit, 7}}},
         {"c4", 1, config(kHingeR1, 64, 0.004, 0.002), {}, db::Reason::error},
         {"c5", 1, config(kHinge, 64, 0.004, 0.004), {{"frechet", kPixels, nan}}, db::Reason::diverged}});
    db::Store store(path());
    const auto other = store.add_experiment({.name = "other", .spec_text = "{}", .spec_sha256 = "o"});
    store.freeze_plan(other, {{.name = "0001-shared",
                               .ordinal = 1,
                               .config_hash = "c1",
                               .trial_hash = "c10001",
                               .seed = 1,
                               .config_json = config(kHinge, 16, 0.001, 0.001)}});
  }
  Trials where(const std::string& condition) const {
    db::Reader reader(path());
    return trials_where(reader, condition);
  }
  std::string error(const std::string& condition) const {
    try {
      where(condition);
    } catch (const std::exception& e) {
      return e.what();
    }
    return "no error";
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("conditions select trials") {
  const Filled database;
  const std::vector<std::pair<std::string, Trials>> cases{
      {"seed = 1", {1, 3, 4, 5}},
      {"seed != 1", {2}},
      {"seed in (2, 7)", {2}},
      {"state = done", {1, 2, 3, 5}},
      {"status = failed or reason = diverged", {4, 5}},
      {"not state = done", {4}},
      {"name like '%c3%'", {3}},
      {"experiment = grid", {1, 2, 3, 4, 5}},
      {"experiment = other", {1}},
      {"experiment != other", {2, 3, 4, 5}},
      {"experiment like 'OTH%'", {1}},
      // Parameters: the whole path, an unambiguous end, and ends that are always equal.
      {"params.optimizers.generator.lr < 2e-3", {1, 2, 3}},
      {"params.generator.lr >= 0.004", {4, 5}},
      {"params.width > 16", {3, 4, 5}},
      {"params.width in (16, 32)", {1, 2, 3}},
      {"params.generator.lr = params.discriminator.lr", {1, 2, 5}},
      {"params.generator.lr < params.discriminator.lr", {3}},
      {"params.batch_norm = true", {1, 2, 3, 4, 5}},
      {"params.losses = hinge", {1, 2, 5}},
      {"params.loss = 'hinge+r1'", {3, 4}},
      {"params.losses like '%r1'", {3, 4}},
      {"params.losses.0.use = hinge", {1, 2, 3, 4, 5}},
      {"params.gamma >= 10", {3, 4}},
      {"params.gamma is null", {1, 2, 5}},
      {"params.gamma is not null", {3, 4}},
      {"params.gamma != 10", {}},
      {"not params.gamma = 10", {1, 2, 5}},
      {"params.generator.betas = '[0.0,0.9]'", {1, 2, 3, 4, 5}},
      // Metrics: the last value, other columns, none and not finite.
      {"finals.frechet < 40", {1, 3}},
      {"40 > finals.frechet", {1, 3}},
      {"finals.frechet < 10", {3}},  // as measured in one of two ways
      {"finals.frechet.max >= 100", {2}},
      {"finals.frechet.n_nan > 0", {5}},
      {"finals.frechet is null", {4, 5}},
      {"finals.generator/total < 0", {1}},
      {"finals.frechet < params.width", {3}},
      {"params.generator.lr < 2e-3 and finals.frechet < 40 and not experiment = other", {3}},
      // Numbers and texts do not compare, whatever SQLite makes of them.
      {"params.losses.0.use > 3", {}},
      {"params.width < '99'", {}},
      {"name = 1", {}},
      {"params.generator.lr < name", {}},
      {"seconds >= 0", {1, 2, 3, 4, 5}},
      {"step = 100 and attempts = 1", {1, 2, 3, 4, 5}},
      {"host is not null and device = cpu and libtorch = '2.11.0'", {1, 2, 3, 4, 5}},
      {"message is not null", {}},
      {"git_commit is null", {1, 2, 3, 4, 5}},
  };
  for (const auto& [condition, expected] : cases) {
    INFO(condition);
    CHECK(database.where(condition) == expected);
  }
}

TEST_CASE("what the user writes reaches the database as values only") {
  const Filled database;
  for (const std::string text : {"x'; DELETE FROM trial; --", "' OR 1=1 --", "\") OR 1 = 1 --", "%'"}) {
    std::string quoted;
    for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
    INFO(quoted);
    CHECK(database.where("name = '" + quoted + "'").empty());
    CHECK(database.where("params.losses = '" + quoted + "'").empty());
    CHECK(database.where("name in ('" + quoted + "')").empty());
    CHECK(has(database.error("`finals." + text + "` = 1"), "no metric"));
    CHECK(has(database.error("`params." + text + "` = 1"), "no parameter"));
    CHECK(has(database.error("`" + text + "` = 1"), "no field"));
  }
  CHECK(database.where("seed = 1").size() == 4);
}

TEST_CASE("unknown and ambiguous names say where, and what was meant") {
  const Filled database;
  CHECK(has(database.error("seed = 1 and params.lrr < 1"), "--where, character 14: no parameter \"lrr\". "));
  CHECK(has(database.error("params.generator.width2 < 1"), "Nearest: \"models.generator.width\""));
  CHECK(has(
      database.error("params.lr < 1"),
      "\"lr\" may be optimizers.discriminator.lr, optimizers.generator.lr, which are not always the same"));
  CHECK(
      has(database.error("finals.frechte < 1"), "no metric \"frechte\" was recorded. Nearest: \"frechet\""));
  CHECK(has(database.error("stat = done"), "no field \"stat\""));
  CHECK(has(database.error("width = 16"), "Did you mean params.width?"));
  CHECK(has(database.error("frechet < 3"), "Did you mean finals.frechet?"));
  CHECK(has(database.error("seed <"), "expected a value"));
}
