#include <ATen/core/grad_mode.h>

#include <iostream>

#include <commands/commands.hpp>
#include <commands/sample_page.hpp>
#include <commands/trained_game.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

void sample(const Request& request) {
  if (request.contains("sheets")) return join_sheets(request);
  TrainedGame trained = load_game(request);
  if (!trained.game->has_generator())
    throw Error("trial " + trained.trial.name + " has no player called generator to sample from");
  const std::string weights = text(request, "weights");
  const bool averaged = trained.game->players().at("generator")->average.has_value();
  if (weights == "ema" && !averaged)
    throw Error("trial " + trained.trial.name +
                " keeps no averaged weights (train.ema.decay is 0); take --weights raw");
  const at::NoGradGuard no_grad;
  const std::string out = text(request, "out");
  const Page page = make_page(request, trained.trial, *trained.game);
  write_page(out, page, *trained.game);
  std::cout << out << ": " << page.batch.image.size(0) << " samples of " << trained.trial.name << " at step "
            << trained.step << ", " << (averaged && weights != "raw" ? "ema" : "raw") << " weights"
            << page.remark << '\n';
}

}  // namespace

int sample_command(int, char**) { return one_shot(sample); }

}  // namespace saddle::worker
