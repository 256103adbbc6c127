#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <iostream>

#include <commands/commands.hpp>
#include <commands/one_shot.hpp>
#include <common/error.hpp>
#include <game/game.hpp>
#include <image/sheet.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

// One PNG for each sample, numbered in order.
void write_folder(const std::filesystem::path& folder, const at::Tensor& images) {
  if (images.dim() != 4)
    throw Error(folder.string() +
                ": points cannot be a folder of pictures; write them to FILE.safetensors, or FILE.png");
  std::filesystem::create_directories(folder);
  const at::Tensor bytes = to_uint8(images).permute({0, 2, 3, 1});
  for (int64_t i = 0; i < bytes.size(0); ++i) {
    std::string number = std::to_string(i);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
    write_png(folder / (number + ".png"), bytes[i]);
  }
}

void write(const std::filesystem::path& out, const Batch& batch, const Request& request, Game& game) {
  const at::Tensor images = batch.image.to(at::kCPU, at::kFloat);
  if (out.extension() == ".png") {
    const at::Tensor real = images.dim() == 2 ? game.data().take(2000).image : at::Tensor();
    return write_png(out, picture_of(images, request.at("columns").get<int64_t>(), real));
  }
  if (out.extension() != ".safetensors") return write_folder(out, images);
  std::map<std::string, at::Tensor> tensors = {{"image", images}};
  if (batch.label.defined()) tensors["label"] = batch.label;
  train::write_safetensors(out, tensors);
}

void sample(const Request& request) {
  nlohmann::json given = request.at("trial");
  given["config"]["train"]["device"] = "cpu";
  const Trial trial = Trial::from_json(given);
  at::set_num_threads(trial.config.at("train").at("threads").get<int>());
  const std::filesystem::path file = request.at("checkpoint").get<std::string>();
  const train::Checkpoint checkpoint = train::load_checkpoint(file);

  Game game(trial);
  if (!game.has_generator())
    throw Error("trial " + trial.name + " has no player called generator to sample from");
  Player& generator = *game.players().at("generator");
  const std::string weights = text(request, "weights");
  if (weights == "ema" && !generator.average)
    throw Error("trial " + trial.name +
                " keeps no averaged weights (train.ema.decay is 0); take --weights raw");
  const bool average = weights != "raw" && generator.average;
  try {
    train::ParameterSet& set = average ? generator.average->set() : generator.model.set;
    set.load(train::with_prefix(checkpoint.tensors, average ? "generator/ema/" : "generator/raw/"));
  } catch (const Error& e) {
    throw Error(file.string() + ": not a checkpoint of trial " + trial.name + ": " + e.what());
  }
  const at::NoGradGuard no_grad;
  const auto seed = request.at("seed").get<uint64_t>();
  const std::string out = text(request, "out");
  write(out,
        game.generate(request.at("count").get<int64_t>(), train::make_generator(seed, "sample"), average),
        request, game);
  std::cout << out << ": " << request.at("count") << " samples of " << trial.name << " at step "
            << checkpoint.meta.value("step", int64_t{-1}) << ", " << (average ? "ema" : "raw")
            << " weights\n";
}

}  // namespace

int sample_command(int, char**) { return one_shot(sample); }

}  // namespace saddle::worker
