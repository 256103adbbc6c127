// Components that use the trial around them.
#include <saddle/dataset.hpp>
#include <saddle/loss.hpp>
#include <saddle/metric.hpp>
#include <saddle/trial.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace saddle;

// Trains with, and records, what it draws.
struct Recording {
  static Description describe() {
    return {.name = "recording", .doc = "records all it can", .params = {param("notes", "")}};
  }
  explicit Recording(const Builder& b) : notes_(b.get<std::string>("notes")) {
    trial::scalar("made", draw());
  }

  Terms discriminator(Step& s) const {
    const double u = draw();
    trial::scalar("draw", u);
    if (s.round() % 5 == 0) {
      trial::picture("map", rand({3, 8, 8}) * 2.0 - 1.0);
      trial::picture("maps", rand({4, 1, 40, 40}));
      std::ofstream(notes_) << "round " << s.round() << "\n";
      if (!notes_.empty()) trial::file("notes", notes_, "text/plain");
    }
    return {{"drawn", mean(square(s.real("logit") - u))}};
  }

 private:
  static double draw() { return static_cast<double>(trial::random() >> 11) * 0x1p-53; }
  std::string notes_;
};
SADDLE_LOSS(Recording)

// Takes for ever, unless it is told to stop; may ask for that itself, or give up.
struct Endless {
  static Description describe() {
    return {.name = "endless", .doc = "reads and reads", .params = {param("raise", false)}};
  }
  explicit Endless(const Builder& b) {
    if (b.get<bool>("raise")) std::raise(SIGTERM);
    for (int64_t done = 0;; ++done) {
      trial::progress("reading", done, 0);
      trial::stop_if_cancelled();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  DatasetInfo info() const { return {}; }
  void fill(uint32_t, std::span<const int64_t>, void*, int64_t*) const {}
};
SADDLE_DATASET(Endless)

// Points that are read on any thread; records while it reads.
struct Talkative {
  static Description describe() { return {.name = "talkative", .doc = "records in fill"}; }
  explicit Talkative(const Builder&) {}
  DatasetInfo info() const {
    return {.shape = {2}, .dtype = DType::float32, .splits = {{"train", 64}}, .concurrent = true};
  }
  void fill(uint32_t, std::span<const int64_t> indices, void* samples, int64_t*) const {
    std::fill_n(static_cast<float*>(samples), 2 * indices.size(), 0.5f);
    trial::progress("filling", 1, 1);
    trial::scalar("filled", 1);
  }
};
SADDLE_DATASET(Talkative)

// Draws and records as it measures. Its fourth measurement, after three baselines the first of the training,
// asks for the end itself, or takes as long as the file `hold` is there.
struct Interrupted {
  static Description describe() {
    return {.name = "interrupted",
            .doc = "can be cut short",
            .params = {param("raise", false), param("hold", "")}};
  }
  explicit Interrupted(const Builder& b) : raise_(b.get<bool>("raise")), hold_(b.get<std::string>("hold")) {}
  void reference(const Samples&) {}
  Numbers measure(const Samples& fake) {
    if (++calls_ > 3) wait();
    trial::stop_if_cancelled();
    trial::scalar("draw", static_cast<double>(trial::random() >> 40));
    return {{"interrupted", mean(fake.features).item()}};
  }

 private:
  void wait() const {
    if (raise_) std::raise(SIGTERM);
    for (int64_t done = 0; !hold_.empty() && std::filesystem::exists(hold_); ++done) {
      trial::progress("waiting", done);
      trial::stop_if_cancelled();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  bool raise_;
  std::string hold_;
  int calls_ = 0;
};
SADDLE_METRIC(Interrupted)
