// saddle sample: what each option draws, on a small conditional trial.
#include "fixture.hpp"

#include <fstream>

#include <image/png.hpp>
#include <image/sheet.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

const char* const kGrid = R"({
  "name": "pictures",
  "dataset": {"use": "digits"},
  "models": {"generator": {"use": "sngan", "width": 4, "conditional": true},
             "discriminator": {"use": "sngan", "width": 4, "conditional": true}},
  "losses": [{"use": "hinge"}],
  "optimizers": {"generator": {"use": "adam", "lr": 0.01}, "discriminator": {"use": "adam"}},
  "train": {"rounds": 6, "batch": 16, "latent": {"size": 4}, "ema": {"decay": 0.5}},
  "record": {"samples": {"every": 2, "grid": 4}}
})";

// NumPy's own reading of an .npz: names, dtypes, shapes, and a sum of each.
std::string as_numpy_reads(const std::string& file) {
  const ChildResult read = run_child(
      {"/usr/bin/python3", "-c",
       "import numpy, sys\n"
       "for name, a in sorted(numpy.load(sys.argv[1]).items()): print(name, a.dtype, a.shape, int(a.sum()))",
       file},
      "", 60);
  INFO(read.err);
  REQUIRE(read.ok());
  return read.out;
}

}  // namespace

TEST_CASE("every option of sample draws what it says") {
  const Scratch scratch;
  const std::string database = run_grid(scratch, "pictures", kGrid);
  const auto arguments = [&](const std::string& out, const Arguments& more) {
    Arguments all = {"sample", "1", "--db", database, "--out", scratch / out};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  std::string said;
  const auto draw = [&](const Arguments& more, const std::string& out = "x.safetensors") {
    const Answer answer = run_saddle(arguments(out, more));
    INFO(answer.err);
    REQUIRE(answer.code == 0);
    said = answer.out;
    return out == "x.safetensors" ? scratch.read(out) : Tensors{};
  };
  const auto refused = [&](const Arguments& more, const std::string& out = "y.png") {
    return refusal(arguments(out, more));
  };

  SECTION("grids, classes, sweeps and paths") {
    Tensors t = draw({"--grid", "2x3"});
    CHECK(t.at("image").sizes() == at::IntArrayRef({6, 1, 8, 8}));
    // Rows are classes, columns are z.
    t = draw({"--classes", "2,7,5", "--grid", "3x4"});
    CHECK(at::equal(t.at("label"), at::tensor({2, 7, 5}, at::kLong).repeat_interleave(4)));
    const Tensors one = draw({"--classes", "7", "--grid", "1x4"});
    CHECK(at::allclose(one.at("image"), t.at("image").narrow(0, 4, 4), 1e-5, 1e-6));
    CHECK(draw({"--classes"}).at("image").size(0) == 80);
    // Truncation towards nothing makes all samples of a class the same.
    t = draw({"--truncation", "2,0.001", "--grid", "2x5"});
    CHECK(at::equal(t.at("label").narrow(0, 0, 5), t.at("label").narrow(0, 5, 5)));
    CHECK_THAT(said, Contains("truncation by row 2, 0.001"));
    const auto spread = [](const at::Tensor& x) { return (x - x.mean(0)).abs().max().item<double>(); };
    const Tensors narrow = draw({"--truncation", "0.001", "--classes", "3", "--grid", "1x6"});
    CHECK_THAT(said, Contains(", truncation 0.001"));
    CHECK(spread(narrow.at("image")) < 0.01);
    CHECK(spread(draw({"--classes", "3", "--grid", "1x6"}).at("image")) > 0.01);
    // Of a deviation of 0 nothing is left but the class.
    t = draw({"--z-std", "1,0"});
    REQUIRE(t.at("image").size(0) == 16);
    const at::Tensor zero = t.at("image").narrow(0, 8, 8), label = t.at("label").narrow(0, 8, 8);
    CHECK(at::allclose(zero, draw({"--z-std", "0", "--classes"}).at("image").index_select(0, label * 8), 1e-4,
                       1e-5));

    // Paths: the ends are samples, z goes from one to another, classes to the next.
    t = draw({"--interpolate", "z", "--grid", "3x5"});
    CHECK(t.at("image").size(0) == 15);
    CHECK(at::equal(t.at("label"), t.at("label").reshape({3, 5}).select(1, 0).repeat_interleave(5)));
    t = draw({"--interpolate", "classes", "--classes", "1,4,8", "--grid", "3x2"});
    const Tensors other = draw({"--interpolate", "classes", "--classes", "4,8,1", "--grid", "3x2"});
    // Of the same z: class 1 to 4 ends where 4 to 8 begins.
    CHECK(at::allclose(t.at("image")[1], other.at("image")[0], 1e-4, 1e-5));
    CHECK_FALSE(at::allclose(t.at("image")[1], t.at("image")[0], 1e-3, 1e-4));
    CHECK(draw({"--interpolate", "z,classes"}).at("image").size(0) == 80);
  }

  SECTION("files, neighbours and batch norm") {
    draw({"--grid", "2x3", "--seed", "4"}, "x.npz");
    const Tensors t = draw({"--grid", "2x3", "--seed", "4"});
    const at::Tensor bytes = worker::to_uint8(t.at("image"));
    CHECK(as_numpy_reads(scratch / "x.npz") ==
          "arr_0 uint8 (6, 8, 8, 1) " + std::to_string(bytes.sum().item<int64_t>()) + "\narr_1 int64 (6,) " +
              std::to_string(t.at("label").sum().item<int64_t>()) + "\n");
    draw({"--grid", "2x3", "--seed", "4"}, "x.png");
    CHECK(at::equal(worker::read_png(scratch / "x.png"), worker::sheet(bytes, 3)));

    ask({"probe", "dataset", "digits", "--split", "train", "--count", "1500", "--out", scratch / "digits"});
    const at::Tensor real = scratch.read("digits").at("image").to(at::kFloat).div(127.5).sub(1).flatten(1);
    const Tensors near = draw({"-n", "5", "--nearest", "3"});
    const at::Tensor seen = worker::to_uint8(near.at("image")).to(at::kFloat).div(127.5).sub(1).flatten(1);
    const auto [distance, index] = at::cdist(seen, real).topk(3, 1, false);
    CHECK(at::allclose(near.at("distance"), distance, 1e-4, 1e-4));
    CHECK(at::allclose(near.at("nearest_image").flatten(2), real.index({near.at("nearest")}), 1e-5, 1e-6));
    CHECK(near.at("nearest").sizes() == at::IntArrayRef({5, 3}));
    draw({"-n", "5", "--nearest", "3"}, "near.png");
    // Each row: the sample, then its neighbours.
    CHECK(at::equal(
        worker::read_png(scratch / "near.png"),
        worker::sheet(
            worker::to_uint8(
                at::cat({near.at("image").unsqueeze(1), near.at("nearest_image")}, 1).flatten(0, 1)),
            4)));
    draw({"-n", "2", "--nearest", "1", "--features", "discriminator.features"});
    CHECK_THAT(said, Contains("nearest training sample in discriminator.features at "));

    const at::Tensor running = t.at("image");
    for (const char* mode : {"batch", "standing"}) {
      Arguments how = {"--grid", "2x3", "--seed", "4", "--batch-norm", mode};
      if (std::string(mode) == "standing") how.insert(how.end(), {"--standing-passes", "4"});
      const Tensors changed = draw(how);
      CHECK_THAT(said, Contains(std::string(mode) + " statistics"));
      CHECK_FALSE(at::allclose(changed.at("image"), running, 1e-3, 1e-3));
    }
    CHECK_FALSE(
        at::allclose(draw({"--grid", "2x3", "--seed", "4", "--weights", "raw"}).at("image"), running));
  }

  SECTION("sheets over time come from the same z") {
    draw({"--over-time"}, "time.png");
    CHECK_THAT(said, Contains("4 samples of ") && Contains("at steps 2, 4, 6"));
    const at::Tensor joined = worker::read_png(scratch / "time.png");
    std::filesystem::path folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch / "pictures.runs"))
      if (entry.path().filename() == "samples-6.png") folder = entry.path().parent_path();
    const at::Tensor last = worker::read_png(folder / "samples-6.png");
    // 4 x 4 pictures of 32 with gaps of 2: the last row of the joined one is the first of the last sheet.
    REQUIRE(joined.sizes() == at::IntArrayRef({3 * 34 + 2, 4 * 34 + 2, 1}));
    CHECK(at::equal(joined.narrow(0, 68, 34), last.narrow(0, 0, 34)));
    // A generator that stands still leaves the same sheet each time.
    std::ofstream(scratch / "still.json") << kGrid;
    const std::string still = scratch / "still.db";
    REQUIRE(run_saddle({"run", scratch / "still.json", "--db", still, "--set", "optimizers.generator.lr=0",
                        "--set", R"(models.generator={"use":"mlp","width":8})"})
                .code == 0);
    REQUIRE(run_saddle({"sample", "1", "--db", still, "--over-time", "--out", scratch / "still.png"}).code ==
            0);
    const at::Tensor rows = worker::read_png(scratch / "still.png");
    CHECK(at::equal(rows.narrow(0, 0, 34), rows.narrow(0, 34, 34)));
    CHECK(at::equal(rows.narrow(0, 0, 34), rows.narrow(0, 68, 34)));
    draw({"--over-time", "--columns", "2"}, "two.png");
    CHECK(worker::read_png(scratch / "two.png").size(1) == 2 * 34 + 2);
    CHECK_THAT(refused({"--over-time"}, "t.npz"), Contains("--out takes FILE.png"));
    CHECK_THAT(refused({"--over-time", "--grid", "2x2"}), Contains("only --columns and --out"));
    std::filesystem::remove_all(scratch / "pictures.runs");
    CHECK_THAT(refused({"--over-time"}), Contains("left no sheets"));
  }

  SECTION("what cannot be drawn is one clear line") {
    CHECK_THAT(refused({"--standing-passes", "4"}), Contains("no --batch-norm standing"));
    CHECK_THAT(refused({"--seed", "-1"}), Contains("not in range 0 to"));
    CHECK_THAT(refused({"--grid", "3"}), Contains("expected ROWSxCOLUMNS"));
    CHECK_THAT(refused({"--grid", "0x4"}), Contains("expected ROWSxCOLUMNS"));
    CHECK_THAT(refused({"--grid", "2x4", "-n", "5"}), Contains("the grid says how many"));
    CHECK_THAT(refused({"--truncation", "x"}), Contains("expected numbers") && Contains("found \"x\""));
    CHECK_THAT(refused({"--truncation", "0.1,,1"}), Contains("found \"\""));
    CHECK_THAT(refused({"--truncation", "1,2", "--z-std", "1,2"}), Contains("one of them"));
    CHECK_THAT(refused({"--classes", "3,12"}), Contains("--classes 12: expected 0 to 9"));
    CHECK_THAT(refused({"--classes", "3,3"}), Contains("named twice"));
    CHECK_THAT(refused({"--classes", "3", "--grid", "2x2"}), Contains("a row for each class"));
    CHECK_THAT(refused({"--interpolate", "classes", "--classes", "3"}), Contains("two classes"));
    CHECK_THAT(refused({"--nearest", "3", "--grid", "2x2"}), Contains("row of neighbours"));
    CHECK_THAT(refused({"--features", "pixels2"}), Contains("add --nearest"));
    CHECK_THAT(refused({"--nearest", "2", "--features", "discriminator.x"}), Contains("no output"));
    CHECK_THAT(refused({"--nearest", "2", "--features", "critic.features"}), Contains("no model \"critic\""));
    CHECK_THAT(refused({}, "x.gif"), Contains("expected FILE.png"));
  }
}

TEST_CASE("sample mixes the styles of a generator with skip-layer excitation") {
  const Scratch scratch;
  const std::string set =
      scratch.write("set.safetensors", {{"images", at::randint(256, {8, 3, 32, 32}, at::kByte)}});
  const std::string grid = R"({
  "name": "styles",
  "dataset": {"use": "safetensors", "path": ")" +
                           set + R"("},
  "models": {"generator": {"use": "fastgan", "width": 1, "noise": false},
             "discriminator": {"use": "fastgan", "width": 1, "decoders": false}},
  "losses": [{"use": "hinge"}],
  "optimizers": {"generator": {"use": "adam", "lr": 0.01}, "discriminator": {"use": "adam"}},
  "train": {"rounds": 2, "batch": 4, "latent": {"size": 4}},
  "sweep": {"models.generator.sle": {"values": [true, false]}}
})";
  const std::string database = run_grid(scratch, "styles", grid);
  const auto arguments = [&](const std::string& trial, const std::string& out, const Arguments& more) {
    Arguments all = {"sample", trial, "--db", database, "--out", scratch / out};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Answer answer = run_saddle(arguments("1", "x.safetensors", {"--style-mixing", "--grid", "2x3"}));
  INFO(answer.err);
  REQUIRE(answer.code == 0);
  CHECK_THAT(answer.out, Contains("excited by that of the column"));
  const at::Tensor image = scratch.read("x.safetensors").at("image").to(at::kFloat).unflatten(0, {3, 4});
  CHECK(image[0][0].abs().max().item<double>() == 0);
  // Rows: the same z as plain samples have; and mixing changes them, differently by column.
  REQUIRE(run_saddle(arguments("1", "y.safetensors", {"--grid", "1x2"})).code == 0);
  const at::Tensor plain = scratch.read("y.safetensors").at("image").to(at::kFloat);
  for (int64_t row = 1; row < 3; ++row) {
    CHECK(at::allclose(image[row][0], plain[row - 1], 1e-5, 1e-6));
    for (int64_t column = 1; column < 4; ++column) {
      CHECK_FALSE(at::allclose(image[row][column], image[row][0], 1e-6, 1e-7));
      CHECK_FALSE(at::allclose(image[row][column], image[0][column], 1e-6, 1e-7));
      if (column > 1) CHECK_FALSE(at::allclose(image[row][column], image[row][column - 1], 1e-6, 1e-7));
    }
  }
  const auto refused = [&](const std::string& trial, const Arguments& more) {
    return refusal(arguments(trial, "z.png", more));
  };
  CHECK_THAT(refused("2", {"--style-mixing"}), Contains("without sle there is nothing"));
  CHECK_THAT(refused("1", {"--style-mixing", "-n", "4"}), Contains("say how many with --grid"));
  CHECK_THAT(refused("1", {"--style-mixing", "--nearest", "2"}), Contains("those of two z"));
}

TEST_CASE("sample draws a style generator's w to its mean, and mixes its styles") {
  const Scratch scratch;
  const std::string set =
      scratch.write("set.safetensors", {{"images", at::randint(256, {8, 1, 8, 8}, at::kByte)}});
  const std::string database = run_grid(scratch, "styles", R"({
  "name": "styles",
  "dataset": {"use": "safetensors", "path": ")" + set + R"("},
  "models": {"generator": {"use": "stylegan2", "width": 4, "mapping_layers": 2, "noise": false},
             "discriminator": {"use": "stylegan2", "width": 4}},
  "losses": [{"use": "ns"}, {"use": "path_length"}],
  "optimizers": {"generator": {"use": "adam", "lr": 0.01}, "discriminator": {"use": "adam"}},
  "train": {"rounds": 2, "batch": 4, "latent": {"size": 4}}
})");
  const auto drawn = [&](const std::string& out, Arguments more) {
    Arguments all = {"sample", "1", "--db", database, "--out", scratch / out, "--grid", "1x3"};
    all.insert(all.end(), more.begin(), more.end());
    const Answer answer = run_saddle(all);
    INFO(answer.err);
    REQUIRE(answer.code == 0);
    return scratch.read(out).at("image").to(at::kFloat);
  };
  const at::Tensor plain = drawn("1.safetensors", {}), half = drawn("2.safetensors", {"--psi", "0.5"}),
                   none = drawn("3.safetensors", {"--psi", "0"});
  CHECK(at::equal(plain, drawn("4.safetensors", {"--psi", "1"})));
  CHECK_FALSE(at::allclose(plain, half, 1e-6, 1e-7));
  CHECK(at::allclose(none[0], none[1]));
  CHECK_FALSE(at::allclose(plain[0], plain[1], 1e-6, 1e-7));
  const at::Tensor mixed = drawn("5.safetensors", {"--style-mixing"});
  CHECK(at::allclose(mixed[4], plain[0], 1e-5, 1e-6));
  CHECK_FALSE(at::allclose(mixed[5], plain[0], 1e-6, 1e-7));
  CHECK_THAT(refusal({"sample", "1", "--db", database, "--out", scratch / "6.png", "--psi", "1,2"}),
             Contains("expected one number"));
}
