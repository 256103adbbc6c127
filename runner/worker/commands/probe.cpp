#include <commands/probe.hpp>

#include <commands/commands.hpp>
#include <common/error.hpp>

namespace saddle::worker {

int probe_command(int, char**) {
  return one_shot([](const Request& request) {
    const std::string what = request.at("what").get<std::string>();
    if (what == "model") return probe_model(request);
    if (what == "loss") return probe_loss(request);
    if (what == "dataset") return probe_dataset(request);
    if (what == "metric") return probe_metric(request);
    if (what == "transform") return probe_transform(request);
    throw Error("nothing is known of probing a " + what);
  });
}

}  // namespace saddle::worker
