#include <game/attempt.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <csignal>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>

#include <bridge/random.hpp>
#include <bridge/watch.hpp>
#include <common/sha256.hpp>
#include <game/cuda.hpp>
#include <game/measure.hpp>
#include <game/monitor.hpp>
#include <game/records.hpp>
#include <image/sheet.hpp>
#include <train/checkpoint.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

using Clock = std::chrono::steady_clock;
std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Attempt {
 public:
  Attempt(const Trial& trial, const AttemptOptions& options)
      : trial_(trial),
        options_(options),
        frames_(options.frames_fd),
        recorder_(frames_),
        records_(frames_, recorder_, options.folder, stop_asked) {}

  void run() {
    const InTrial in_trial(records_);
    struct Told {
      explicit Told(Attempt& attempt) {
        set_warnings([&attempt](const std::string& text) { attempt.warning(text); });
        on_exit_of_component([&attempt](const std::string& text) { attempt.finish("error", text); });
      }
      ~Told() {
        on_exit_of_component(nullptr);
        set_warnings(nullptr);
      }
    } told(*this);
    {
      const Watchdog watchdog(std::chrono::minutes(1), [](const std::string& text) { warn(text); });
      attempt();
    }
    // After the result, which a crash in a component's destroy then cannot cost any more.
    monitor_.reset();
    measuring_.reset();
    game_.reset();
  }

 private:
  void attempt() {
    try {
      prepare();
      const std::string reason = train();
      finish(reason, message_);
    } catch (const Cancelled& e) {
      // Within a round or before the first: the last checkpoint, if any, is what goes on.
      finish("cancelled", e.what());
    } catch (const PlacedError& e) {
      finish("error", e.pointer + ": " + e.what());
    } catch (const std::system_error&) {
      throw;  // the pipe is gone, and saddle with it
    } catch (const std::exception& e) {
      finish("error", message_of(e));
    }
  }

  void warning(const std::string& text) {
    frames_.event(nlohmann::json{{"type", "warning"}, {"message", text}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace));
  }

  void prepare() {
    const auto& config = trial_.config;
    rounds_ = config.at("train").at("rounds");
    at::set_num_threads(config.at("train").at("threads").get<int>());
    open_device(config.at("train").at("device"));
    game_ = std::make_unique<Game>(trial_);
    measuring_ = std::make_unique<Measuring>(trial_, *game_);
    monitor_ = std::make_unique<Monitor>(trial_, *game_);
    if (!options_.checkpoint.empty()) {
      const train::Checkpoint saved = train::load_checkpoint(options_.checkpoint);
      game_->load_state(saved.tensors);
      monitor_->load_state(train::with_prefix(saved.tensors, "monitor/"));
      round_ = saved.meta.at("round");
      unmeasured_rows_ = saved.meta.value("unmeasured", nlohmann::json());
      // What was left to do at that round belongs to this attempt.
      resumed_from_ = unmeasured_rows_.is_null() ? round_ : round_ - 1;
    } else {
      game_->take_past();
    }
    records_.begin(round_);
    nlohmann::json parameters = nlohmann::json::object(), plugins = nlohmann::json::array();
    for (const auto& [name, player] : game_->players()) parameters[name] = player->model.set.count();
    for (const auto& [component, file] : trial_.plugins) {
      const auto slash = component.find('/');
      const Component& c = find_component(file, component.substr(0, slash), component.substr(slash + 1));
      plugins.push_back({{"component", component},
                         {"version", c.description.at("version")},
                         {"file", file.string()},
                         {"sha256", load_plugin(file).sha256}});
    }
    frames_.event(nlohmann::json{{"type", "started"},
                                 {"pid", ::getpid()},
                                 {"libtorch", libtorch_version()},
                                 {"threads", at::get_num_threads()},
                                 {"device", trial_device().str()},
                                 {"isa", at::get_cpu_capability()},
                                 {"parameters", parameters},
                                 {"plugins", plugins},
                                 {"resumed_from_step", resumed_from_}}
                      .dump());
  }

  std::string train() {
    const int64_t every = trial_.config.at("record").at("every");
    if (resumed_from_ < 0) measuring_->baselines(recorder_);
    if (!unmeasured_rows_.is_null()) {
      recorder_.repeat(std::exchange(unmeasured_rows_, nullptr), round_);
      if (const std::string reason = after_round(); !reason.empty()) return reason;
    }
    Clock::time_point window = Clock::now();
    int64_t window_round = round_;
    double rate = 0;

    while (round_ < rounds_) {
      if (stop_asked) return save() ? "cancelled" : "diverged";
      records_.begin(round_ + 1);
      const bool due = (round_ + 1) % every == 0 || round_ + 1 == rounds_;
      Record record;
      Fault fault;
      const bool finite = game_->play(round_, due ? &record : nullptr, &fault);
      if (!finite) {
        write(record, round_ + 1);
        if (!due) recorder_.number(fault.name, round_ + 1, fault.value);
        message_ = fault.name + " is not finite in round " + std::to_string(round_ + 1);
        if (!fault.origin.empty()) message_ += "; the earliest that is not: " + fault.origin;
        return "diverged";
      }
      ++round_;
      if (due) {
        if (!write(record, round_)) return "diverged";
        const double elapsed = seconds_since(window);
        rate = static_cast<double>(round_ - window_round) / std::max(elapsed, 1e-9);
        recorder_.number("images_per_second", round_, rate * static_cast<double>(images_per_round()));
      }
      frames_.progress(
          round_, rounds_,
          rate > 0 ? rate
                   : static_cast<double>(round_ - window_round) / std::max(seconds_since(window), 1e-9));
      const auto pause = Clock::now();
      monitor_->look(recorder_, round_);
      if (const std::string reason = after_round(); !reason.empty()) return reason;
      // What measuring costs is not the training's rate.
      window += Clock::now() - pause;
      if (due) {
        window = Clock::now();
        window_round = round_;
      }
    }
    return "ok";
  }

  // Measures, draws and saves what is due; a reason to end, or "".
  std::string after_round() {
    const int64_t sheet_every = trial_.config.at("record").at("samples").at("every");
    const int64_t save_every = trial_.config.at("checkpoint").at("every");
    const bool last = round_ == rounds_;
    try {
      measuring_->measure(recorder_, round_, last);
      if (last || (sheet_every && round_ % sheet_every == 0)) samples();
    } catch (const Cancelled& e) {
      // Nothing was trained since the round: the next attempt goes on from here, and measures first.
      records_.send();
      unmeasured_rows_ = recorder_.rows_of(round_);
      const bool saved = save();
      if (saved) message_ = e.what();
      return saved ? "cancelled" : "diverged";
    }
    records_.send();
    if ((last || (save_every && round_ % save_every == 0)) && !save()) return "diverged";
    return "";
  }

  // Real images that the first player of a round sees in it: the rate that papers give.
  int64_t images_per_round() const {
    const auto& train = trial_.config.at("train");
    const std::string first = train.at("order").at(0);
    return game_->batch() * train.at("updates").value(first, int64_t{1});
  }

  // One copy from the device for all of a round's numbers. False when one is not finite.
  bool write(const Record& record, int64_t step) {
    if (record.empty()) return true;
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> values;
    for (const auto& [name, value] : record) values.push_back(value.to(trial_device(), at::kDouble));
    const at::Tensor row = at::stack(values).cpu();
    bool finite = true;
    for (size_t i = 0; i < record.size(); ++i) {
      const double value = row.data_ptr<double>()[i];
      recorder_.number(record[i].first, step, value);
      if (record[i].first == "discriminator/total") monitor_->heard(value, step);
      if (!std::isfinite(value) && finite) {
        finite = false;
        message_ = record[i].first + " is not finite in round " + std::to_string(step);
      }
    }
    return finite;
  }

  // The same latents every time, so that sheets of one trial can be compared.
  void samples() {
    if (!game_->has_generator()) return;
    const int64_t side = trial_.config.at("record").at("samples").at("grid");
    const auto seed = static_cast<uint64_t>(trial_.seed);
    const OwnRandomness own(train::derive_seed(seed, "samples"));
    const Batch fake = game_->generate(side * side, train::make_generator(seed, "samples"), true);
    const bool points = game_->dataset().info().shape.size() == 1;
    const at::Tensor real = points ? game_->data().take(1000).image.cpu() : at::Tensor();
    const std::string file = "samples-" + std::to_string(round_) + ".png";
    write_png(options_.folder / file, picture_of(fake.image.cpu(), side, real));
    records_.artifact("samples", file, file, "image/png");
  }

  // False when the state is not finite: such a checkpoint would only poison what continues from it.
  bool save() {
    auto state = game_->state();
    train::add_prefixed(state, "monitor/", monitor_->state());
    if (const std::string name = first_nonfinite(state); !name.empty()) {
      message_ = name + " is not finite after round " + std::to_string(round_);
      return false;
    }
    const auto path = options_.folder / "checkpoint.safetensors";
    // The one before stays until this one is announced: killed in between, the trial goes on from it.
    std::error_code none_before;
    std::filesystem::rename(path, options_.folder / "checkpoint.previous.safetensors", none_before);
    nlohmann::json meta = {{"round", round_}, {"step", round_}, {"trial", trial_.name}};
    if (!unmeasured_rows_.is_null()) meta["unmeasured"] = unmeasured_rows_;
    train::save_checkpoint(path, state, meta);
    // With its hash: the store continues only from the file that it was told of.
    records_.artifact("checkpoint", "checkpoint.safetensors", "checkpoint.safetensors",
                      "application/octet-stream");
    frames_.event(nlohmann::json{{"type", "checkpoint"}, {"step", round_}, {"path", path.string()}}.dump());
    return true;
  }

  void finish(const std::string& reason, const std::string& message) {
    try {
      records_.send();
    } catch (const Error& e) {
      std::fprintf(stderr, "%s\n", e.what());  // a file that was recorded and is gone
    }
    frames_.event(
        nlohmann::json{{"type", "finished"}, {"reason", reason}, {"message", message}, {"step", round_}}.dump(
            -1, ' ', false, nlohmann::json::error_handler_t::replace));
    frames_.flush();
  }

  const Trial& trial_;
  const AttemptOptions& options_;
  FrameWriter frames_;
  Recorder recorder_;
  Records records_;  // outlives the components, whose threads may speak to it
  std::unique_ptr<Game> game_;
  std::unique_ptr<Measuring> measuring_;
  std::unique_ptr<Monitor> monitor_;
  int64_t round_ = 0, rounds_ = 0, resumed_from_ = -1;
  nlohmann::json unmeasured_rows_;  // training's numbers of round_, when its measuring was cut short; or null
  std::string message_;
};

}  // namespace

void run_attempt(const Trial& trial, const AttemptOptions& options) {
  stop_asked = false;
  std::signal(SIGTERM, [](int) {
    stop_asked = true;
    tell_request_to_stop();
  });
  std::signal(SIGINT, SIG_IGN);  // the terminal's Ctrl-C is saddle's to handle
  std::signal(SIGPIPE, SIG_IGN);
  Attempt(trial, options).run();
}

}  // namespace saddle::worker
