// Every way a grid file can be wrong gives one line with a place, what was found,
// what was expected and what to do.
#include <catch2/catch.hpp>

#include <algorithm>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

// The sound grid, laid out so that each place is known.
const char* const kText = R"({
  "name": "t",
  "dataset": {"use": "digits"},
  "models": {
    "generator": {"use": "dcgan", "width": 32},
    "discriminator": {"use": "mlp", "activation": "relu"}
  },
  "losses": [{"use": "hinge", "margin": 1.0}],
  "optimizers": {
    "generator": {"use": "adam", "lr": 0.001},
    "discriminator": {"use": "adam"}
  },
  "train": {"rounds": 100},
  "metrics": [{"use": "frechet", "every": 50}],
  "sweep": {"models.generator.slope": {"values": [0.1, 0.2]}}
})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kText;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

}  // namespace

TEST_CASE("the text that the others break is sound") { CHECK(refusal_of_text(kText) == "accepted"); }

TEST_CASE("each fault of a value or key is one line with its place") {
  const auto [from, to, expected] = GENERATE(table<std::string, std::string, std::string>({
      // a player that starts as another one of the game
      {"\"relu\"}", "\"relu\", \"from\": {\"player\": \"generater\"}}",
       "g.json:6:78 /models/discriminator/from/player: no model \"generater\". Nearest: \"generator\". "
       "Known: "
       "discriminator, generator"},
      {"\"relu\"}", "\"relu\", \"from\": {\"player\": \"discriminator\"}}",
       "g.json:6:78 /models/discriminator/from/player: it is to start with its own weights; name another "
       "model"},
      {"\"relu\"}", "\"relu\", \"from\": {\"player\": 3}}",
       "g.json:6:78 /models/discriminator/from/player: expected a string of at least 1 characters, found the "
       "number 3"},
      {"    \"discriminator\": {\"use\": \"mlp\"",
       "    \"critic\": {\"use\": \"mlp\", \"role\": \"discriminator\", \"from\": {\"player\": "
       "\"discriminator\"}},\n    \"discriminator\": {\"use\": \"mlp\"",
       "g.json:6:63 /models/critic/from: \"critic\" is not trained, so it has no rounds at whose beginning "
       "it "
       "could take weights: give it an optimizer, or take those of a past trial"},
      // which labels are kept, where all are
      {"\"digits\"", "\"digits\", \"labelled_seed\": 3",
       "g.json:3:49 /dataset/labelled_seed: it says which samples keep their labels, and all do: set "
       "labelled, how many, or leave this out"},
      // components
      {"\"hinge\"", "\"hing\"",
       "g.json:8:22 /losses/0/use: no loss \"hing\". Nearest: \"hinge\". Known: saddle plugins ls --kind "
       "loss"},
      {"\"hinge\"", "\"dcgan\"",
       "g.json:8:22 /losses/0/use: no loss \"dcgan\". There is a model of that name. Known: saddle plugins "
       "ls --kind loss"},
      {"\"digits\"", "\"digit\"",
       "g.json:3:22 /dataset/use: no dataset \"digit\". Nearest: \"digits\". Known: saddle plugins ls --kind "
       "dataset"},
      {"{\"use\": \"digits\"}", "\"digits\"",
       "g.json:3:14 /dataset: expected an object {\"use\": NAME, ...}, found the string \"digits\""},
      {"\"use\": \"dcgan\"", "\"use\": 3",
       "g.json:5:26 /models/generator/use: expected the name of a model, found the number 3"},
      {"\"use\": \"dcgan\", ", "",
       "g.json:5:18 /models/generator: needs the key \"use\": the name of a model"},
      // their parameters
      {"\"width\"", "\"widht\"",
       "g.json:5:35 /models/generator/widht: unknown key \"widht\" of model \"dcgan\". Nearest: \"width\". "
       "Known: from, init, inputs, norm, role, side, slope, use, width."},
      {"\"width\": 32", "\"width\": \"32\"",
       "g.json:5:44 /models/generator/width: expected an integer >= 1 and <= 4096, found the string \"32\""},
      {"\"width\": 32", "\"width\": 32.5",
       "g.json:5:44 /models/generator/width: expected an integer >= 1 and <= 4096, found the number 32.5"},
      {"\"width\": 32", "\"width\": 0",
       "g.json:5:44 /models/generator/width: 0 is out of range; expected an integer >= 1 and <= 4096"},
      {"\"width\": 32", "\"width\": 18446744073709551615",
       "g.json:5:44 /models/generator/width: expected an integer >= 1 and <= 4096, found the number "
       "18446744073709551615"},
      {"\"relu\"", "\"rleu\"",
       "g.json:6:51 /models/discriminator/activation: \"rleu\" is not one of the choices. Nearest: \"relu\". "
       "Known: relu, leaky_relu."},
      {"\"margin\": 1.0", "\"margin\": -1",
       "g.json:8:41 /losses/0/margin: -1.0 is out of range; expected a number >= 0"},
      {"\"margin\": 1.0", "\"margin\": null",
       "g.json:8:41 /losses/0/margin: expected a number >= 0, found null"},
      // the host's part
      {"\"width\": 32", "\"norm\": \"spectrl\"",
       "g.json:5:43 /models/generator/norm: \"spectrl\" is not one of the choices. Nearest: \"spectral\". "
       "Known: default, none, spectral, weight."},
      {"\"width\": 32", "\"role\": \"encoder\"",
       "g.json:5:43 /models/generator/role: model \"dcgan\" has no role \"encoder\". Known: discriminator, "
       "generator."},
      {"\"rounds\": 100", "\"rouns\": 100",
       "g.json:13:13 /train/rouns: unknown key \"rouns\" of train. Nearest: \"rounds\"."},
      {"\"rounds\": 100", "\"rounds\": true",
       "g.json:13:23 /train/rounds: expected an integer >= 1, found true"},
      {"\"rounds\": 100", "\"ema\": {\"decay\": 1}",
       "g.json:13:30 /train/ema/decay: 1.0 is out of range; expected a number >= 0 and < 1"},
      {"\"rounds\": 100", "\"updates\": {\"critic\": 2}",
       "g.json:13:25 /train/updates/critic: \"critic\" is not trained: it has no optimizer. Known: "
       "discriminator, generator."},
      {"\"rounds\": 100", "\"order\": [\"generator\"]",
       "g.json:13:22 /train/order: expected each trained player once (discriminator, generator), found a "
       "list [\"generator\"]"},
      {"\"rounds\": 100", "\"augment\": [{\"use\": \"flap\"}]",
       "g.json:13:33 /train/augment/0/use: no transform \"flap\". Nearest: \"flip\"."},
      {"\"use\": \"adam\", \"lr\"", "\"use\": \"adma\", \"lr\"",
       "g.json:10:26 /optimizers/generator/use: no optimizer \"adma\". Nearest: \"adam\". Known: adam, "
       "adamw, rmsprop, sgd."},
      {"\"lr\": 0.001", "\"momentum\": 0.9",
       "g.json:10:34 /optimizers/generator/momentum: unknown key \"momentum\" of optimizer \"adam\"."},
      {"\"lr\": 0.001", "\"betas\": [0.9]",
       "g.json:10:43 /optimizers/generator/betas: a list of 1; expected a list of 2, each a number >= 0 and "
       "< 1"},
      {"\"lr\": 0.001", "\"betas\": [0.9, 1.5]",
       "g.json:10:49 /optimizers/generator/betas/1: 1.5 is out of range; expected a number >= 0 and < 1"},
      {"\"lr\": 0.001", "\"schedule\": {\"use\": \"cosine\"}",
       "g.json:10:54 /optimizers/generator/schedule/use: no schedule \"cosine\". Known: constant, linear."},
      {"\"lr\": 0.001", "\"schedule\": {\"use\": \"linear\", \"from\": 100}",
       "g.json:10:46 /optimizers/generator/schedule: a linear schedule from round 100 to round 100 has no "
       "length"},
      {"{\"use\": \"adam\", \"lr\": 0.001}", "{\"use\": \"sgd\", \"nesterov\": true}",
       "/optimizers/generator/nesterov: nesterov needs momentum > 0 and dampening 0"},
      {"\"every\": 50", "\"weights\": \"ema\"",
       "g.json:14:45 /metrics/0/weights: no averaged weights are kept: set train.ema.decay above 0, or "
       "weights to raw"},
      {"\"every\": 50", "\"features_weights\": \"ema\"",
       "/metrics/0/features_weights: only a model of the trial has averaged weights: measure features "
       "MODEL.OUTPUT, or leave this out"},
      {"\"every\": 50", "\"features\": \"discriminator.logit\", \"features_weights\": \"ema\"",
       "/metrics/0/features_weights: no averaged weights are kept: set train.ema.decay above 0, or this to "
       "raw"},
      {"\"every\": 50", "\"features\": \"discriminator.features\"",
       "g.json:14:46 /metrics/0/features: no output \"features\"; model \"mlp\" in the role "
       "\"discriminator\" offers logit"},
      {"\"every\": 50", "\"features\": \"critic.logit\"",
       "g.json:14:46 /metrics/0/features: no model \"critic\"."},
      {"\"every\": 50", "\"features\": \"inception\"",
       "g.json:14:46 /metrics/0/features: expected \"pixels\", MODEL.OUTPUT, as discriminator.features, or "
       "{\"use\": EXTRACTOR}, found \"inception\""},
      {"\"every\": 50", "\"features\": {\"use\": \"mlp\"}",
       "g.json:14:54 /metrics/0/features/use: model \"mlp\" is no feature extractor: it has no role "
       "\"features\". Known: inception."},
      {"\"every\": 50", "\"features\": {\"use\": \"inceptoin\"}",
       "g.json:14:54 /metrics/0/features/use: no model \"inceptoin\". Nearest: \"inception\"."},
      {"\"every\": 50", "\"features\": {\"use\": \"inception\", \"siez\": 8}",
       "g.json:14:67 /metrics/0/features/siez: unknown key \"siez\" of extractor \"inception\". Nearest: "
       "\"size\"."},
      {"\"every\": 50",
       "\"features\": {\"use\": \"inception\", \"weights\": \"random\", \"output\": \"logit\"}",
       "/metrics/0/features/output: model \"inception\" has no such output. Nearest: \"logits\"."},
      {"\"every\": 50", "\"features\": {\"use\": \"inception\", \"weights\": \"/nowhere/w.safetensors\"}",
       "/metrics/0/features/weights: there is no file /nowhere/w.safetensors. Name a safetensors file"},
      {"\"every\": 50", "\"features\": {\"use\": \"inception\"}",
       "/extractors/inception.safetensors. `./saddle fetch inception` puts its weights there"},
      // instance selection
      {"\"digits\"}", "\"digits\", \"select\": {\"keep\": 0.5, \"scor\": \"knn\"}}",
       "g.json:3:56 /dataset/select/scor: unknown key \"scor\" of select. Nearest: \"score\"."},
      {"\"digits\"}", "\"digits\", \"select\": {\"keep\": 0.0}}",
       "g.json:3:51 /dataset/select/keep: 0.0 is out of range; expected a number > 0 and <= 1"},
      {"\"digits\"}", "\"digits\", \"select\": {\"score\": \"knn\"}}",
       "/dataset/select: select needs the key \"keep\": a number > 0 and <= 1"},
      {"\"digits\"}", "\"digits\", \"select\": {\"keep\": 0.5, \"features\": \"inception\"}}",
       "/dataset/select/features: expected \"pixels\" or {\"use\": EXTRACTOR}, found \"inception\""},
      {"\"every\": 50", "\"selected\": true, \"split\": \"test\"",
       "g.json:14:46 /metrics/0/selected: dataset.select keeps samples of the split \"train\", not of "
       "\"test\""},
      // what must fit together
      {"\"use\": \"hinge\", \"margin\": 1.0", "\"use\": \"kdd\"",
       "g.json:8:22 /losses/0/use: loss \"kdd\" needs discriminator.features; model \"mlp\" in the role "
       "\"discriminator\" offers logit. Take a model that offers it, or another loss"},
      {"\"use\": \"hinge\", \"margin\": 1.0", "\"use\": \"kdd\", \"model\": \"encoder\"",
       "/losses/0/use: loss \"kdd\" needs encoder.features; there is no model \"encoder\" (models: "
       "discriminator, generator)"},
      {"\"use\": \"hinge\", \"margin\": 1.0", "\"use\": \"text_penalty\"",
       "g.json:8:22 /losses/0/use: loss \"text_penalty\" needs the gradient by real.text; model \"mlp\" in "
       "the role \"discriminator\" takes image"},
      {"\"use\": \"hinge\", \"margin\": 1.0", "\"use\": \"reconstruction\"",
       "g.json:8:22 /losses/0/use: loss \"reconstruction\" computes for autoencoder; no model is called so "
       "(models: discriminator, generator)"},
      {"\"use\": \"hinge\", \"margin\": 1.0", "\"use\": \"gradient_penalty\"",
       "g.json:10:18 /optimizers/generator: no loss computes anything for \"generator\"; add one that does, "
       "or leave its optimizer out"},
      {"\"discriminator\": {\"use\": \"adam\"}", "\"critic\": {\"use\": \"adam\"}",
       "g.json:11:5 /optimizers/critic: no model \"critic\" to optimize. Known: discriminator, generator."},
      {"\"discriminator\": {\"use\": \"mlp\", \"activation\": \"relu\"}",
       "\"discriminator\": {\"use\": \"mlp\"}, \"critic\": {\"use\": \"mlp\"}",
       "/models/critic: model \"mlp\" has no role \"critic\", the name of this player; choose one with "
       "\"role\". Known: discriminator, generator."},
      {"\"discriminator\": {\"use\": \"mlp\"", "\"Dis\": {\"use\": \"mlp\", \"role\": \"discriminator\"",
       "g.json:6:5 /models/Dis: \"Dis\" is no name for a player; use a-z, 0-9 and _, a letter first"},
      {"\"discriminator\": {\"use\": \"mlp\"", "\"d\": {\"use\": \"mlp\", \"role\": \"discriminator\"",
       "/losses/0/use: loss \"hinge\" needs discriminator.logit; there is no model \"discriminator\" "
       "(models: d, generator)"},
      // the file as a whole
      {"\"losses\"", "\"loses\"",
       "g.json:8:3 /loses: unknown key \"loses\" of the grid file. Nearest: \"losses\"."},
      {"[{\"use\": \"hinge\", \"margin\": 1.0}]", "[]", "g.json:8:13 /losses: expected a list of losses"},
      {"\"name\": \"t\"", "\"name\": \"a/b\"",
       "g.json:2:11 /name: \"a/b\" does not match; expected a string of the form"},
      {"\"name\": \"t\",", "", "g.json:1:1: the grid file needs the key \"name\""},
      {"\"dataset\": {\"use\": \"digits\"},", "", "g.json:1:1: the grid file needs the key \"dataset\""},
      // the grid's language
      {"{\"values\": [0.1, 0.2]}", "[0.1, 0.2]",
       "g.json:15:39 /sweep/models.generator.slope: expected an object with one of \"values\", \"range\", "
       "\"logspace\", \"random\", \"zip\" and \"oneOf\", found a list [0.1,0.2]"},
      {"\"values\"", "\"value\"",
       "g.json:15:40 /sweep/models.generator.slope/value: unknown key \"value\" of a sweep. Nearest: "
       "\"values\"."},
      {"[0.1, 0.2]", "[]",
       "g.json:15:50 /sweep/models.generator.slope/values: expected a list of at least one value, found a "
       "list []"},
      {"models.generator.slope", "model.generator.slope",
       "g.json:15:13 /sweep/model.generator.slope: no section \"model\" can be swept. Nearest: \"models\"."},
      {"models.generator.slope", "seeds", "g.json:15:13 /sweep/seeds: no section \"seeds\" can be swept."},
      {"models.generator.slope", "models..slope",
       "g.json:15:13 /sweep/models..slope: \"models..slope\" is no path"},
      {"models.generator.slope", "losses.1.margin",
       "g.json:15:13 /losses/1/margin: the list has 1 entry (counted from 0); there is no \"1\""},
      {"models.generator.slope", "train.rounds.x",
       "g.json:15:13 /train/rounds/x: the number 100 has no \"x\" in it"},
      {"{\"values\": [0.1, 0.2]}", "{\"range\": {\"from\": 1, \"to\": 2}}",
       "/sweep/models.generator.slope/range: a range needs the key \"step\": a number"},
      {"{\"values\": [0.1, 0.2]}", "{\"range\": {\"from\": 1, \"to\": 2, \"step\": -1}}",
       "/sweep/models.generator.slope/range: the range never gets from 1 to 2 in steps of -1"},
      {"{\"values\": [0.1, 0.2]}", "{\"range\": {\"from\": 1, \"to\": 2, \"step\": 0}}",
       "/sweep/models.generator.slope/range: the range never gets from 1 to 2 in steps of 0"},
      {"{\"values\": [0.1, 0.2]}", "{\"range\": {\"from\": 0, \"to\": 1, \"step\": 1e-9}}",
       "a range of more than 1000000 values"},
      {"{\"values\": [0.1, 0.2]}", "{\"zip\": {\"train.rounds\": [1, 2], \"train.batch\": [1, 2, 3]}}",
       "/sweep/models.generator.slope/zip/train.batch: a zip needs lists of one length: 3 values here, 2 "
       "under \"train.rounds\""},
      {"\"sweep\": {",
       "\"sweep\": {\"train.ema.decay\": {\"values\": [0.5]}, \"train.ema\": {\"values\": [{}]}, ",
       "/sweep/train.ema: this sweep replaces what the earlier \"train.ema.decay\" varies"},
      {"{\"values\": [0.1, 0.2]}", "{\"logspace\": {\"from\": 0, \"to\": 1, \"n\": 3}}",
       "g.json:15:61 /sweep/models.generator.slope/logspace/from: 0.0 is out of range; expected a number > "
       "0"},
      {"{\"values\": [0.1, 0.2]}", "{\"logspace\": {\"from\": 1, \"to\": 2, \"num\": 3}}",
       "/sweep/models.generator.slope/logspace/num: unknown key \"num\" of a logspace."},
      {"{\"values\": [0.1, 0.2]}", "{\"random\": {\"uniform\": {\"from\": 0, \"to\": 1}}}",
       "/sweep/models.generator.slope/random: random needs the key \"n\": an integer >= 1"},
      {"{\"values\": [0.1, 0.2]}", "{\"random\": {\"n\": 3, \"unifrom\": {\"from\": 0, \"to\": 1}}}",
       "/sweep/models.generator.slope/random/unifrom: unknown key \"unifrom\" of random. Nearest: "
       "\"uniform\"."},
      {"{\"values\": [0.1, 0.2]}", "{\"random\": {\"n\": 3}}",
       "/sweep/models.generator.slope/random: expected an object with one of \"uniform\", \"log_uniform\", "
       "\"integer\" and \"choice\", found an object {\"n\":3}"},
      {"{\"values\": [0.1, 0.2]}",
       "{\"random\": {\"n\": 3, \"choice\": [1], \"integer\": {\"from\": 0, \"to\": 1}}}",
       "/sweep/models.generator.slope/random/integer: one distribution is enough: \"choice\" stands here "
       "already"},
      {"{\"values\": [0.1, 0.2]}", "{\"random\": {\"n\": 3, \"integer\": {\"from\": 2, \"to\": 2}}}",
       "/sweep/models.generator.slope/random/integer: from 2 to 2 has no width; expected from < to"},
      {"{\"values\": [0.1, 0.2]}", "{\"random\": {\"n\": 3, \"draw\": 1}}",
       "/sweep/models.generator.slope/random/draw: \"draw\" names its paths itself"},
      {"{\"values\": [0.1, 0.2]}",
       "{\"random\": {\"n\": 3, \"draw\": {\"train.rouns\": {\"integer\": {\"from\": 1, \"to\": 9}}}}}",
       "g.json:15:68 /train/rouns: unknown key \"rouns\" of train. Nearest: \"rounds\"."},
      {"{\"values\": [0.1, 0.2]}",
       "{\"random\": {\"n\": 3, \"draw\": {\"train.rounds\": {\"n\": 2, \"choice\": [1]}}}}",
       "/sweep/models.generator.slope/random/draw/train.rounds: expected the distribution alone"},
      {"{\"values\": [0.1, 0.2]}", "{\"oneOf\": {}}",
       "/sweep/models.generator.slope/oneOf: expected a list of branches"},
      {"{\"values\": [0.1, 0.2]}", "{\"oneOf\": [{\"name\": \"a\"}]}",
       "g.json:15:50 /sweep/models.generator.slope/oneOf/0: a branch needs \"set\", \"sweep\" or both"},
      {"{\"values\": [0.1, 0.2]}", "{\"oneOf\": [{\"sets\": {}}]}",
       "/sweep/models.generator.slope/oneOf/0/sets: unknown key \"sets\" of a branch. Nearest: \"set\"."},
      {"{\"values\": [0.1, 0.2]}", "{\"oneOf\": [{\"set\": {\"train.rouns\": 3}}]}",
       "g.json:15:59 /train/rouns: unknown key \"rouns\" of train. Nearest: \"rounds\"."},
      {"{\"values\": [0.1, 0.2]}",
       "{\"oneOf\": [{\"sweep\": {\"train.batch\": {\"values\": [1]}, \"train\": {\"values\": [{}]}}}]}",
       "/sweep/models.generator.slope/oneOf/0/sweep/train: this sweep replaces what the earlier "
       "\"train.batch\" "
       "varies"},
      {"\"name\": \"t\"", "\"name\": \"t\", \"extends\": \"gg.json\"",
       "gg.json (paths are relative to this file). Nearest: \"g.json\""},
      {"\"name\": \"t\"", "\"name\": \"t\", \"extends\": {}",
       "g.json:2:27 /extends: expected the name of a grid file or a list of names, found an object {}"},
      {"\"name\": \"t\"", "\"name\": \"t\", \"seeds\": []",
       "g.json:2:25 /seeds: a list of 0; expected a list of at least 1, each an integer >= 0"},
      {"\"name\": \"t\"", "\"name\": \"t\", \"seeds\": [1, -2]",
       "g.json:2:29 /seeds/1: -2 is out of range; expected an integer >= 0"},
      {"\"name\": \"t\"", "\"name\": \"t\", \"seeds\": {\"cuont\": 2}",
       "g.json:2:26 /seeds/cuont: unknown key \"cuont\" of seeds. Nearest: \"count\"."},
      {"\"name\": \"t\"", "\"name\": \"t\", \"seeds\": 3",
       "g.json:2:25 /seeds: expected a list of integers or {\"count\": n, \"from\": k}, found the number 3"},
      {"\"name\": \"t\"", R"("name": "t", "prune": {"use": "medan", "metric": "frechet"})",
       "g.json:2:33 /prune/use: no pruner \"medan\". Nearest: \"median\"."},
      {"\"name\": \"t\"", R"("name": "t", "prune": {"metric": "frechet"})",
       "g.json:2:25 /prune: prune needs the key \"use\". Known: asha, median."},
      {"\"name\": \"t\"", R"("name": "t", "prune": {"use": "median"})",
       "g.json:2:25 /prune: prune \"median\" needs the key \"metric\": a string"},
      {"\"name\": \"t\"", R"("name": "t", "prune": {"use": "asha", "metric": "frechet"})",
       "g.json:2:25 /prune: prune \"asha\" needs the key \"warmup\": an integer >= 1"},
      {"\"name\": \"t\"",
       R"("name": "t", "prune": {"use": "asha", "metric": "frechet", "warmup": 5, "patience": 2})",
       "g.json:2:75 /prune/patience: unknown key \"patience\" of prune \"asha\"."},
      {"\"name\": \"t\"", R"("name": "t", "prune": {"use": "median", "metric": "frechet", "min_trails": 2})",
       "g.json:2:64 /prune/min_trails: unknown key \"min_trails\" of prune \"median\". Nearest: "
       "\"min_trials\"."},
      {"\"name\": \"t\"",
       R"("name": "t", "prune": {"use": "asha", "metric": "frechet", "warmup": 5, "eta": 1})",
       "g.json:2:82 /prune/eta: 1.0 is out of range; expected a number > 1 and <= 1000"},
      {"\"name\": \"t\"",
       R"("name": "t", "prune": {"use": "median", "metric": "frechet", "direction": "up"})",
       "g.json:2:77 /prune/direction: \"up\" is not one of the choices. Known: min, max."},
      {"\"name\": \"t\"", R"("name": "t", "prune": "median")",
       "g.json:2:25 /prune: expected an object or null, found the string"},
      {"\"name\": \"t\"", "\"name\": \"t\", \"limits\": {\"times\": 3}",
       "g.json:2:27 /limits/times: unknown key \"times\" of limits. Nearest: \"time_s\"."},
      {"\"name\": \"t\"", "\"name\": \"t\", \"exclude\": [{\"model.x\": 1}]",
       "g.json:2:29 /exclude/0/model.x: \"model.x\" is no path in a config. Nearest: \"models\"."},
      // the JSON itself
      {"\"name\": \"t\"", "\"name\": \"t\", \"name\": \"u\"",
       "g.json:2:16 /name: the key \"name\" was given already at g.json:2:3; keep one of the two"},
      {"\"rounds\": 100", "\"rounds\": 99999999999999999999",
       "g.json:13:23 the integer 99999999999999999999 does not fit in 64 bits"},
      {"\"rounds\": 100}", "\"rounds\": 100,}", "g.json:13:27 the comma before this '}' is one too many"},
  }));
  const std::string message = refusal_of_text(with(from, to));
  INFO(message);
  CHECK(message.find(expected) != std::string::npos);
}

TEST_CASE("a fault in a swept value has the place of that value") {
  CHECK(refusal_of_text(with("[0.1, 0.2]", "[0.1, -0.2]"))
            .starts_with("g.json:15:56 /models/generator/slope: -0.2 is out of range"));
  CHECK(refusal_of_text(with("models.generator.slope", "models.generator.slpoe"))
            .starts_with("g.json:15:13 /models/generator/slpoe: unknown key \"slpoe\" of model \"dcgan\". "
                         "Nearest: \"slope\"."));
  CHECK(refusal_of_text(with("{\"models.generator.slope\": {\"values\": [0.1, 0.2]}}",
                             "{\"losses\": {\"values\": [[{\"use\": \"ns\"}],\n[{\"use\": \"ns\"}, {\"use\": "
                             "\"hinge\", \"mragin\": 2}]]}}"))
            .starts_with("g.json:16:34 /losses/1/mragin: unknown key"));
  CHECK(refusal_of_text(with("{\"models.generator.slope\": {\"values\": [0.1, 0.2]}}",
                             "{\"w\": {\"zip\": {\"train.rounds\": [1, 2], \"train.batch\": [1, 0]}}}"))
            .starts_with("g.json:15:70 /train/batch: 0 is out of range"));
  CHECK(refusal_of_text(with("models.generator.slope", "models.critic.slope"))
            .starts_with("g.json:15:13 /models/critic: needs the key \"use\""));
}

TEST_CASE("a fault in --set names the argument") {
  CHECK(refusal_of_text(kText, {"train.rounds=many"}) ==
        "--set train.rounds=many /train/rounds: expected an integer >= 1, found the string \"many\"");
  CHECK(refusal_of_text(kText, {"train.ruonds=3"})
            .starts_with("--set train.ruonds=3 /train/ruonds: unknown key \"ruonds\""));
  CHECK(refusal_of_text(kText, {"losses.4.margin=1"})
            .starts_with("--set losses.4.margin=1 /losses/4/margin: the list has 1 entry"));
  CHECK(refusal_of_text(kText, {"seeds=[1,"}).starts_with("--set seeds:1:"));
  CHECK(refusal_of_text(kText, {"seeds=[-1]"}).starts_with("--set seeds=[-1] /seeds/0: -1 is out of range"));
  CHECK(refusal_of_text(kText, {"train.rounds"}).starts_with("--set train.rounds: expected PATH=VALUE"));
  CHECK(
      refusal_of_text(kText, {"sweep.x=1"}).starts_with("--set sweep.x=1 /sweep/x: \"sweep\" cannot be set"));
  CHECK(refusal_of_text(kText, {"trian.rounds=3"})
            .starts_with(
                "--set trian.rounds=3 /trian: unknown key \"trian\" of the grid file. Nearest: \"train\"."));
}

TEST_CASE("where nobody draws samples a metric cannot say how they are drawn") {
  Json grid = base();
  grid["metrics"] = {{{"use", "frechet"}, {"truncation", 0.5}, {"z_std", 2.0}, {"batch_norm", "standing"}}};
  CHECK(refusal(grid) == "accepted");
  for (const char* section : {"models", "optimizers"}) grid[section].erase("generator");
  const std::string text = refusal(grid);
  CHECK(lines(text) == 3);
  CHECK(text.find("/metrics/0/truncation: it says how a player called generator draws samples, and there is "
                  "none (models: discriminator): leave it out") != std::string::npos);
  grid["metrics"] = {{{"use", "frechet"}, {"truncation", 0.0}, {"z_std", 1.0}, {"batch_norm", "running"}}};
  CHECK(refusal(grid) == "accepted");
}

TEST_CASE("several faults are told at once, at most ten of them, each once") {
  std::string text = with("\"width\": 32", "\"widht\": 32");
  text.replace(text.find("\"hinge\""), 7, "\"hing\"");
  text.replace(text.find("\"rounds\": 100"), 13, "\"rounds\": 0");
  CHECK(lines(refusal_of_text(text)) == 3);  // though two points of the grid share them

  Json grid = base();
  for (int i = 0; i < 30; ++i) grid["train"]["unknown" + std::to_string(i)] = i;
  const std::string many = refusal(grid);
  CHECK(lines(many) == 11);
  CHECK(many.ends_with("... and more; mend these first"));
}

TEST_CASE("any value of a wrong type anywhere is a line, never an exception of another kind") {
  // Each value of a whole grid in turn becomes something else.
  Json grid = base();
  grid["train"] = {{"rounds", 5},
                   {"updates", {{"generator", 2}}},
                   {"order", {"generator", "discriminator"}},
                   {"ema", {{"decay", 0.5}}},
                   {"augment", {{{"use", "flip"}}}},
                   {"latent", {{"size", 3}}}};
  grid["metrics"] = {{{"use", "frechet"}, {"features", "discriminator.features"}}};
  grid["optimizers"]["generator"]["schedule"] = {{"use", "linear"}, {"to", 4}};
  grid["record"] = {{"samples", {{"grid", 2}}}};
  grid["checkpoint"] = {{"every", 5}};
  grid["sweep"] = {{"models.generator.width", {{"values", {1, 2}}}},
                   {"z", {{"zip", {{"train.batch", {1}}}}}},
                   {"train.rounds", {{"range", {{"from", 5}, {"to", 6}, {"step", 1}}}}}};
  grid["exclude"] = {{{"train.rounds", 6}}};
  grid["limits"] = {{"time_s", 1}};
  grid["prune"] = {{"use", "asha"}, {"metric", "frechet"}, {"warmup", 2}, {"eta", 2.5}, {"min_trials", 4}};
  grid["seeds"] = {{"count", 1}};
  CHECK(refusal(grid) == "accepted");
  const Json flat = grid.flatten();
  std::vector<std::string> pointers;
  for (const auto& [pointer, value] : flat.items()) {
    for (std::string at = pointer; !at.empty(); at = pointer_parent(at)) {
      if (std::find(pointers.begin(), pointers.end(), at) == pointers.end()) pointers.push_back(at);
    }
  }
  CHECK(pointers.size() > 50);
  for (const std::string& pointer : pointers) {
    for (const Json& other :
         {Json(nullptr), Json(true), Json(-7), Json(2.5), Json("?"), Json::array(), Json::object(),
          Json::array({Json::array()}), Json({{"?", 1}}), Json({{"use", 1}})}) {
      Json changed = grid;
      changed[Json::json_pointer(pointer)] = other;
      INFO(changed.dump());
      std::string message;
      REQUIRE_NOTHROW(message = refusal(changed));  // refusal() lets all but saddle::Error through
      if (message != "accepted") CHECK(message.find("g.json") != std::string::npos);
    }
  }
}
