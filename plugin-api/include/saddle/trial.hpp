// What a component may ask of the trial around it. Extension saddle.trial/1. Outside of a trial (probe,
// check) the records go to the log, and nothing is ever cancelled.
//
// scalar, picture, file and random require the extension: a host that lacks it refuses the plugin. With the
// others alone a plugin loads there, too: it is never cancelled, and there is no full precision to be had.
#pragma once
#include <saddle/tensor.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

namespace detail {
template <>
struct IdOf<saddle_trial_extension> {
  static constexpr const char* value = SADDLE_EXTENSION_TRIAL;
};
}  // namespace detail

namespace trial {

// True once the trial is to end: what takes long stops. Any thread.
inline bool cancelled() {
  const auto* t = detail::find_extension<saddle_trial_extension>();
  return t && t->cancelled();
}
// Throws Cancelled then; let it through, and the attempt ends as cancelled.
inline void stop_if_cancelled() {
  if (cancelled()) throw Cancelled();
}
// How far something long has come: progress("reading", 1200, 60000). total 0: unknown. Any thread.
inline void progress(const char* what, int64_t done, int64_t total = 0) {
  if (const auto* t = detail::find_extension<saddle_trial_extension>()) t->progress(what, done, total);
}

// A line in the attempt's log. Any thread; every host has this.
inline void log(const std::string& text) { detail::host->log(SADDLE_LOG_INFO, text.c_str()); }
inline void warn(const std::string& text) { detail::host->log(SADDLE_LOG_WARNING, text.c_str()); }

// Kept with the trial's metrics at the present round, as COMPONENT/name; of several in a round the last.
template <int = 0>
void scalar(const std::string& name, double value) {
  detail::check(detail::extension<saddle_trial_extension>().scalar(name.c_str(), value));
}
// Kept as a PNG: [C, H, W], or a sheet of [N, C, H, W]; C 1 or 3; floats from -1 to 1 or bytes.
template <int = 0>
void picture(const std::string& name, const Tensor& image) {
  detail::check(detail::extension<saddle_trial_extension>().picture(name.c_str(), image.handle()));
}
// A copy of the file is kept.
template <int = 0>
void file(const std::string& name, const std::string& path,
          const std::string& media_type = "application/octet-stream") {
  detail::check(
      detail::extension<saddle_trial_extension>().file(name.c_str(), path.c_str(), media_type.c_str()));
}
// 64 random bits, the same for the same seed, also in a trial that was resumed.
template <int = 0>
uint64_t random() {
  uint64_t bits = 0;
  detail::check(detail::extension<saddle_trial_extension>().random(&bits));
  return bits;
}

// While it lives, this thread computes in full float32, models that it runs included, also in a trial of
// bfloat16 (no autocast, no TF32): for differences of nearly equal numbers. Throws on a host that is too old.
//   const trial::FullPrecision here;
//   Tensor moved = s.run("discriminator", {{"image", x + step}}, "features");
class FullPrecision {
 public:
  FullPrecision() {
    if (!available()) throw Error("this older host cannot compute in float32 within a trial of bfloat16");
    detail::check(detail::find_extension<saddle_trial_extension>()->full_precision(1));
  }
  ~FullPrecision() { (void)detail::find_extension<saddle_trial_extension>()->full_precision(0); }
  FullPrecision(const FullPrecision&) = delete;
  FullPrecision& operator=(const FullPrecision&) = delete;
  static bool available() {
    const auto* t = detail::find_extension<saddle_trial_extension>();
    return t && SADDLE_HAS(saddle_trial_extension, t, full_precision) && t->full_precision;
  }
};

}  // namespace trial
}  // namespace saddle
#pragma GCC visibility pop
