#include <charconv>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/component.hpp>
#include <cli/pinned.hpp>
#include <cli/trained.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/plan.hpp>
#include <grid/problems.hpp>
#include <grid/resolve.hpp>

// saddle sample: what a trained generator makes.
namespace saddle::cli {
namespace {
namespace fs = std::filesystem;

struct Arguments {
  std::string trial, weights, out, grid, truncation, z_std, psi, classes, batch_norm = "running",
                                                                          features = "pixels";
  std::vector<std::string> interpolate;
  std::int64_t count = 0, columns = 0, nearest = 0, standing_passes = 0;
  std::uint64_t seed = 0;
  bool has_classes = false, over_time = false, style_mixing = false;
};

// "4x8" in two numbers.
std::pair<std::int64_t, std::int64_t> grid_of(const std::string& text) {
  const std::size_t x = text.find('x');
  std::int64_t rows = 0, columns = 0;
  const auto read = [&](std::size_t first, std::size_t last, std::int64_t& number) {
    const auto [end, error] = std::from_chars(text.data() + first, text.data() + last, number);
    return error == std::errc() && end == text.data() + last && number > 0 && number <= 10000;
  };
  if (x == std::string::npos || !read(0, x, rows) || !read(x + 1, text.size(), columns))
    throw Error("--grid " + text + ": expected ROWSxCOLUMNS, as 4x8");
  return {rows, columns};
}

Json classes_of(const Arguments& a) {
  if (!a.has_classes) return nullptr;
  Json list = Json::array();
  if (a.classes.empty()) return list;
  for (const double c : number_list("--classes", a.classes, 0, 1e6)) {
    if (c != static_cast<double>(static_cast<std::int64_t>(c)))
      throw Error("--classes " + a.classes + ": expected class numbers, as 0,3,5");
    list.push_back(static_cast<std::int64_t>(c));
  }
  return list;
}

void check(const Arguments& a) {
  const std::string extension = fs::path(a.out).extension();
  if (!extension.empty() && extension != ".png" && extension != ".safetensors" && extension != ".npz" &&
      !fs::is_directory(a.out))
    throw Error("--out " + a.out +
                ": expected FILE.png, FILE.npz, FILE.safetensors, or a folder for one PNG each");
  const auto both = [](bool one, const char* first, bool other, const char* second, const char* why) {
    if (one && other) throw Error(std::string(first) + " and " + second + ": " + why);
  };
  const bool sweep = a.truncation.find(',') != std::string::npos || a.z_std.find(',') != std::string::npos;
  both(a.truncation.find(',') != std::string::npos, "--truncation with several values",
       a.z_std.find(',') != std::string::npos, "--z-std with several values",
       "there is a row for each value of one of them");
  both(sweep, "several values", a.has_classes, "--classes", "rows are either values or classes");
  both(sweep, "several values", !a.interpolate.empty(), "--interpolate", "rows are either values or paths");
  both(a.nearest > 0, "--nearest", !a.interpolate.empty(), "--interpolate",
       "each sample has its row of neighbours");
  both(a.nearest > 0, "--nearest", !a.grid.empty(), "--grid",
       "each sample has its row of neighbours; say how many with -n");
  both(a.count > 0, "-n", !a.grid.empty(), "--grid", "the grid says how many");
  both(a.count > 0, "-n", sweep || a.has_classes || !a.interpolate.empty(), "rows that mean something",
       "say how many with --grid");
  const char* const mixed = "rows and columns are those of two z";
  both(a.style_mixing, "--style-mixing", sweep, "several values", mixed);
  both(a.style_mixing, "--style-mixing", a.has_classes, "--classes", mixed);
  both(a.style_mixing, "--style-mixing", !a.interpolate.empty(), "--interpolate", mixed);
  both(a.style_mixing, "--style-mixing", a.nearest > 0, "--nearest", mixed);
  both(a.style_mixing, "--style-mixing", a.count > 0, "-n", "say how many with --grid");
  both(a.standing_passes > 0, "--standing-passes", a.batch_norm != "standing", "no --batch-norm standing",
       "they are passes of standing statistics");
  both(a.features != "pixels", "--features", a.nearest == 0, "no --nearest",
       "features say what is near: add --nearest 5");
}

// The sheets that the trial left over its rounds, each step once.
Json sheets_of(db::Reader& reader, const TrialRef& trial) {
  Json sheets = Json::array();
  for (const auto& row : reader.named("sample_sheets", {trial.id}).rows) {
    std::error_code error;
    if (fs::exists(text_of(row[1]), error))
      sheets.push_back({{"step", integer_of(row[0])}, {"path", text_of(row[1])}});
  }
  if (sheets.empty())
    throw Error("trial " + trial.name +
                " has left no sheets of samples; \"record\": {\"samples\": {\"every\": N}} asks for them");
  return sheets;
}

void over_time(const Arguments& a, db::Reader& reader, const TrialRef& trial, Json request,
               Globals& globals) {
  if (fs::path(a.out).extension() != ".png") throw Error("--over-time joins pictures: --out takes FILE.png");
  if (!a.grid.empty() || a.count > 0 || a.nearest > 0 || a.has_classes || !a.interpolate.empty() ||
      a.style_mixing || !a.truncation.empty() || !a.z_std.empty() || !a.psi.empty() || !a.weights.empty())
    throw Error("--over-time joins the sheets that training left; only --columns and --out go with it");
  request["sheets"] = sheets_of(reader, trial);
  request["side"] = request["trial"]["config"]["record"]["samples"]["grid"];
  globals.exit_code = ask_worker("sample", request, "joining the sheets of " + trial.name);
}

// What an entry of the trial's `metrics` with these features would have, and the plugins of the trial with
// it.
Json resolved_features(const Arguments& a, Json& trial, const Catalogue& catalogue) {
  Json& config = trial["config"];
  Json features = features_argument(catalogue, a.features);
  config["metrics"] = Json::array();
  if (features != "pixels") {
    config["metrics"] = {{{"use", "frechet"}, {"features", features}}};
    Problems problems;
    const Resolution resolved =
        resolve(config, catalogue, [&](const std::string& pointer, const std::string& text, bool) {
          if (pointer.starts_with("/metrics/0/features"))
            problems.add("--features", pointer.substr(std::string("/metrics/0/features").size()), text);
        });
    problems.throw_if_any();
    config["metrics"] = resolved.config["metrics"];
    features = config["metrics"][0]["features"];
  }
  trial["plugins"] = plugin_files(config, catalogue);
  return features;
}

void sample(const Arguments& a, Globals& globals) {
  check(a);
  db::Reader reader(globals.database);
  const TrialRef trial = select_trial(reader, a.trial);
  const Catalogue catalogue = catalogue_for({}, globals);
  Json request = {{"trial", trial_request(reader, trial)}, {"columns", a.columns}, {"out", a.out}};
  const Json features = resolved_features(a, request["trial"], catalogue);
  if (a.over_time) return over_time(a, reader, trial, request, globals);
  const auto [rows, columns] =
      a.grid.empty() ? std::pair<std::int64_t, std::int64_t>{0, a.columns} : grid_of(a.grid);
  const auto numbers = [](const std::string& option, const std::string& text, double least) {
    return text.empty() ? std::vector<double>{} : number_list(option, text, least, 1000);
  };
  if (!a.psi.empty()) {
    Json& generator = request["trial"]["config"]["models"]["generator"];
    if (!generator.is_object() || !generator.contains("truncation_psi"))
      throw Error("--psi: the generator of trial " + trial.name +
                  " keeps no mean of w to go to, as stylegan2 does; --truncation is for z");
    const std::vector<double> psi = number_list("--psi", a.psi, -1000, 1000);
    if (psi.size() != 1) throw Error("--psi " + a.psi + ": expected one number");
    generator["truncation_psi"] = psi[0];
  }
  request.update({{"checkpoint", find_checkpoint(reader, trial).path.string()},
                  {"count", a.nearest > 0 && a.count == 0 ? 8 : a.count},
                  {"rows", rows},
                  {"columns", columns},
                  {"seed", a.seed},
                  {"weights", a.weights.empty() ? Json() : Json(a.weights)},
                  {"truncation", numbers("--truncation", a.truncation, 0.001)},
                  {"z_std", numbers("--z-std", a.z_std, 0)},
                  {"batch_norm", a.batch_norm},
                  {"standing_passes", a.standing_passes > 0 ? a.standing_passes : 16},
                  {"classes", classes_of(a)},
                  {"interpolate", a.interpolate},
                  {"style_mixing", a.style_mixing},
                  {"nearest", a.nearest},
                  {"features", features}});
  globals.exit_code = ask_worker("sample", request, "sampling from " + trial.name);
}

}  // namespace

void add_sample(CLI::App& app, Globals& globals) {
  const auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("sample", "Draw samples from a trained generator");
  command->add_option("trial", a->trial, "Name or number, as saddle ls lists them")
      ->required()
      ->type_name("TRIAL");
  command->add_option("-n,--n,--count", a->count, "Samples [64]")
      ->check(CLI::Range(1, 100000000))
      ->type_name("N");
  command->add_option("--seed", a->seed, "Of the samples [0]")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
  command->add_option("--weights", a->weights, "Averaged or last ones [ema if the trial keeps them]")
      ->check(CLI::IsMember({"ema", "raw"}))
      ->type_name("ema|raw");
  command->add_option("--grid", a->grid, "Rows and columns, as 4x8")->type_name("RxC");
  command->add_option("--columns", a->columns, "Columns alone [a square]")
      ->check(CLI::Range(1, 10000))
      ->type_name("N");
  command
      ->add_option("--truncation", a->truncation,
                   "Draw coordinates of z again until |z| < T; of several T a row each, from the same z")
      ->type_name("T[,T...]");
  command->add_option("--z-std", a->z_std, "Multiply z by S; of several S a row each, from the same z")
      ->type_name("S[,S...]");
  command
      ->add_option("--psi", a->psi,
                   "stylegan2: w goes to its mean by this, 1: not at all, 0: all samples alike [the trial's]")
      ->type_name("P");
  CLI::Option* classes =
      command->add_option("--classes", a->classes, "A row for each class, or for these, from the same z")
          ->expected(0, 1)
          ->type_name("[C,C...]");
  command
      ->add_option("--interpolate", a->interpolate,
                   "Rows go from one z to another, or from each class to the next: z, classes, or both")
      ->delimiter(',')
      ->check(CLI::IsMember({"z", "classes"}))
      ->type_name("z,classes");
  command->add_flag("--style-mixing", a->style_mixing,
                    "A row for each z, a column for each z that gives the style (fastgan: the excitations)");
  command->add_option("--nearest", a->nearest, "The K nearest training samples beside each sample [0]")
      ->check(CLI::Range(1, 1000))
      ->type_name("K");
  command
      ->add_option("--features", a->features,
                   "What nearness is: pixels, MODEL.OUTPUT, EXTRACTOR[,key=value], or its JSON [pixels]")
      ->type_name("NAME");
  command->add_option("--batch-norm", a->batch_norm, "Statistics: running, batch or standing [running]")
      ->check(CLI::IsMember({"running", "batch", "standing"}))
      ->type_name("MODE");
  command->add_option("--standing-passes", a->standing_passes, "Batches of standing statistics [16]")
      ->check(CLI::Range(1, 1000000))
      ->type_name("K");
  command->add_flag("--over-time", a->over_time,
                    "Join the sheets that training left (record.samples.every): a row for each step");
  command
      ->add_option(
          "--out", a->out,
          "FILE.png (a sheet), FILE.npz (NumPy: uint8 arr_0, labels arr_1), FILE.safetensors (image, "
          "label), or a folder for PNGs")
      ->required()
      ->type_name("PATH");
  command->callback([a, classes, &globals] {
    a->has_classes = classes->count() > 0;
    sample(*a, globals);
  });
}

}  // namespace saddle::cli
