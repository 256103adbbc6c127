#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/component.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>

namespace saddle::cli {
namespace {

struct Arguments {
  std::string name, role, image, inputs, out, save_weights, split, sheet, dataset, arrows;
  std::vector<std::string> sets, models, weights, grads;
  int64_t points = 0, classes = -1, latent = 0, count = 64, round = 0;
  uint64_t seed = 0;
  bool training = false, json = false;
};
using Shared = std::shared_ptr<Arguments>;

const CLI::Range kCount(std::int64_t{1}, std::int64_t{1000000000});

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

// "3x32x32" -> [3, 32, 32].
Json image_shape(const std::string& text) {
  Json shape = Json::array();
  const char *at = text.data(), *const end = at + text.size();
  for (bool more = true; more;) {
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    more = error == std::errc() && next != end && *next == 'x';
    if (error != std::errc() || size < 1 || (!more && next != end)) {
      shape.clear();
      break;
    }
    shape.push_back(size);
    at = next + 1;
  }
  if (shape.size() != 3)
    throw Error("--image " + text + ": expected channels, height and width, as 3x32x32 or 1x28x28");
  return shape;
}

// What the worker cannot see in the tensors themselves.
void add_facts(const Arguments& a, Json& request) {
  if (!a.image.empty()) request["sample_shape"] = image_shape(a.image);
  if (a.points > 0) request["sample_shape"] = Json::array({a.points});
  if (a.classes >= 0) request["classes"] = a.classes;
  if (a.latent > 0) request["latent_size"] = a.latent;
}

void probe_model(const Arguments& a, Globals& globals) {
  if (a.inputs.empty() && (!a.out.empty() || a.training))
    throw Error(std::string(a.training ? "--training" : "--out") +
                " is about a forward pass, which needs --inputs FILE");
  if (a.weights.size() > 1) throw Error("--weights is given twice; a model has one file of weights");
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  Json request = {{"what", "model"},
                  {"component", model_request(catalogue, a.name, a.role, a.sets, "--set")},
                  {"seed", a.seed},
                  {"inputs", or_null(a.inputs)},
                  {"weights", a.weights.empty() ? Json() : Json(a.weights[0])},
                  {"out", or_null(a.out)},
                  {"save_weights", or_null(a.save_weights)},
                  {"training", a.training},
                  {"json", a.json}};
  add_facts(a, request);
  globals.exit_code = ask_worker("probe", request, "model " + a.name);
}

// "discriminator=dcgan,width=8" and "[discriminator=]FILE" -> the networks that a loss may run.
Json networks(const Arguments& a, const Catalogue& catalogue) {
  Json models = Json::object();
  for (const std::string& argument : a.models) {
    const std::size_t equals = argument.find('=');
    const std::string player = argument.substr(0, equals);
    if (equals == std::string::npos || player.empty() || player.find(',') != std::string::npos)
      throw Error("--model " + argument +
                  ": expected PLAYER=NAME[,key=value...], as discriminator=dcgan,width=8");
    if (models.contains(player)) throw Error("--model " + player + " is given twice");
    const Named named = split_named(argument.substr(equals + 1));
    models[player] = {
        {"component", model_request(catalogue, named.name, player, named.sets, "--model " + player)}};
  }
  for (const std::string& argument : a.weights) {
    const std::size_t equals = argument.find('=');
    const std::string player = equals == std::string::npos ? "" : argument.substr(0, equals);
    if (models.contains(player))
      models[player]["weights"] = argument.substr(equals + 1);
    else if (models.size() == 1)
      models.begin().value()["weights"] = argument;
    else
      throw Error("--weights " + argument + ": say of which --model they are: --weights PLAYER=FILE");
  }
  return models;
}

void probe_loss(const Arguments& a, Globals& globals) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  check_role(find_or_throw(catalogue, "loss", a.name), a.role);
  Json request = {{"what", "loss"},
                  {"component", component_request(catalogue, "loss", a.name, a.sets, "--set")},
                  {"role", a.role},
                  {"inputs", a.inputs},
                  {"models", networks(a, catalogue)},
                  {"grad", a.grads},
                  {"out", or_null(a.out)},
                  {"arrows", or_null(a.arrows)},
                  {"round", a.round},
                  {"seed", a.seed},
                  {"json", a.json}};
  add_facts(a, request);
  globals.exit_code = ask_worker("probe", request, "loss " + a.name);
}

void probe_dataset(const Arguments& a, Globals& globals) {
  if (!a.sheet.empty() && !a.sheet.ends_with(".png"))
    throw Error("--sheet " + a.sheet + ": expected FILE.png, the one kind of picture that is written");
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  const Json request = {{"what", "dataset"},
                        {"component", component_request(catalogue, "dataset", a.name, a.sets, "--set")},
                        {"split", or_null(a.split)},
                        {"count", a.count},
                        {"out", or_null(a.out)},
                        {"sheet", or_null(a.sheet)},
                        {"json", a.json}};
  globals.exit_code = ask_worker("probe", request, "dataset " + a.name);
}

void probe_metric(const Arguments& a, Globals& globals) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  Json request = {{"what", "metric"},
                  {"component", component_request(catalogue, "metric", a.name, a.sets, "--set")},
                  {"inputs", a.inputs},
                  {"dataset", Json()},
                  {"json", a.json}};
  if (!a.dataset.empty()) {
    const Named named = split_named(a.dataset);
    request["dataset"] = component_request(catalogue, "dataset", named.name, named.sets, "--dataset");
  }
  globals.exit_code = ask_worker("probe", request, "metric " + a.name);
}

void probe_transform(const Arguments& a, Globals& globals) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  const Json request = {{"what", "transform"},
                        {"component", component_request(catalogue, "transform", a.name, a.sets, "--set")},
                        {"inputs", a.inputs},
                        {"out", or_null(a.out)},
                        {"seed", a.seed},
                        {"json", a.json}};
  globals.exit_code = ask_worker("probe", request, "transform " + a.name);
}

CLI::App* add_kind(CLI::App& probe, const Shared& a, const char* kind, const char* help, Globals& globals,
                   void (*run)(const Arguments&, Globals&)) {
  CLI::App* command = probe.add_subcommand(kind, help);
  command->add_option("name", a->name, "Name, as after \"use\"")->required()->type_name("NAME");
  command->add_option("--set", a->sets, "A parameter of the component; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  command->add_flag("--json", a->json, "The answer as JSON");
  command->callback([a, &globals, run] { run(*a, globals); });
  return command;
}

void add_network_options(CLI::App* command, const Shared& a) {
  CLI::Option* image =
      command->add_option("--image", a->image, "Size of the pictures [what the inputs have, else 3x32x32]");
  image->type_name("CxHxW");
  command->add_option("--points", a->points, "Points of so many coordinates instead of pictures")
      ->check(kCount)
      ->excludes(image)
      ->type_name("N");
  command->add_option("--classes", a->classes, "Number of classes [0]")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
  command->add_option("--latent", a->latent, "Length of z [what the inputs have, else 128]")
      ->check(kCount)
      ->type_name("N");
  command->add_option("--seed", a->seed, "Of initial weights and other random numbers [0]")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
}

void add_model(CLI::App& probe, Globals& globals) {
  const Shared a = std::make_shared<Arguments>();
  CLI::App* c =
      add_kind(probe, a, "model", "Parameters of a model, and a forward pass", globals, probe_model);
  c->add_option("--role", a->role, "The role it plays: generator, discriminator ...")
      ->required()
      ->type_name("ROLE");
  add_network_options(c, a);
  c->add_option("--inputs", a->inputs,
                "Safetensors file with the role's inputs by name: z, image, label; float64 is kept")
      ->type_name("FILE");
  c->add_option("--weights", a->weights, "Weights by parameter name, or a checkpoint [initial ones]")
      ->allow_extra_args(false)
      ->type_name("FILE");
  c->add_option("--out", a->out, "Safetensors file for the outputs")->type_name("FILE");
  c->add_flag("--training", a->training, "Batch statistics, a power iteration [evaluation]");
  c->add_option("--save-weights", a->save_weights, "Safetensors file for parameters and buffers")
      ->type_name("FILE");
}

void add_loss(CLI::App& probe, Globals& globals) {
  const Shared a = std::make_shared<Arguments>();
  CLI::App* c =
      add_kind(probe, a, "loss", "Terms of a loss, and gradients of their total", globals, probe_loss);
  c->add_option("--role", a->role, "The player it computes for: discriminator, generator ...")
      ->required()
      ->type_name("ROLE");
  c->add_option("--inputs", a->inputs,
                "Safetensors file with MODEL.SAMPLE.OUTPUT (discriminator.real.logit) or SAMPLE.INPUT\n"
                "(real.image, real.label, fake.image, latent.z); float64 is kept")
      ->required()
      ->type_name("FILE");
  c->add_option(
       "--model", a->models,
       "A network in training mode for what the inputs lack: discriminator=dcgan,width=8; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PLAYER=NAME[,KEY=VALUE...]");
  c->add_option("--weights", a->weights, "Its weights [initial ones]; may be repeated")
      ->allow_extra_args(false)
      ->type_name("[PLAYER=]FILE");
  c->add_option(
       "--grad", a->grads,
       "Write the total's gradient by this tensor to --out: one of the inputs, an output of a model, or\n"
       "PLAYER/PARAMETER; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TENSOR");
  c->add_option("--out", a->out, "Safetensors file for the gradients")->type_name("FILE");
  c->add_option("--arrows", a->arrows,
                "Draw the tensor of --grad, [n, 2], with an arrow on each point where a step down takes it")
      ->type_name("FILE.png");
  c->add_option("--round", a->round, "The round it believes in [0]")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
  add_network_options(c, a);
}

}  // namespace

void add_probe(CLI::App& app, Globals& globals) {
  CLI::App* command = app.add_subcommand("probe", "Call one component alone, on tensors of a file");
  command->require_subcommand(1);
  add_model(*command, globals);
  add_loss(*command, globals);

  Shared a = std::make_shared<Arguments>();
  CLI::App* c = add_kind(*command, a, "dataset", "Shape, splits and first samples of a data set", globals,
                         probe_dataset);
  c->add_option("--split", a->split, "Of the samples [the first]")->type_name("SPLIT");
  c->add_option("--count", a->count, "Samples to write [64]")->check(kCount)->type_name("N");
  c->add_option("--out", a->out, "Safetensors file for the samples: image, label")->type_name("FILE");
  c->add_option("--sheet", a->sheet, "PNG of the samples")->type_name("FILE");

  a = std::make_shared<Arguments>();
  c = add_kind(*command, a, "metric", "A metric on two sets of a file", globals, probe_metric);
  c->add_option("--inputs", a->inputs,
                "Safetensors file with real and fake [n, d], and real.label, fake.label if wanted")
      ->required()
      ->type_name("FILE");
  c->add_option("--dataset", a->dataset, "The data set whose facts it may ask for: gaussians,layout=grid")
      ->type_name("NAME[,KEY=VALUE...]");

  a = std::make_shared<Arguments>();
  c = add_kind(*command, a, "transform", "A transform on the pictures of a file", globals, probe_transform);
  c->add_option("--inputs", a->inputs, "Safetensors file with image; float64 is kept")
      ->required()
      ->type_name("FILE");
  c->add_option("--out", a->out, "Safetensors file for what becomes of it: image")->type_name("FILE");
  c->add_option("--seed", a->seed, "Of the random numbers it draws [0]")->type_name("N");
}

}  // namespace saddle::cli
