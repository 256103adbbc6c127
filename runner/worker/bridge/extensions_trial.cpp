// saddle.trial: what components ask of the trial around them.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <sstream>

#include <bridge/caller.hpp>
#include <bridge/extensions.hpp>
#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/precision.hpp>
#include <bridge/random.hpp>
#include <bridge/trial_services.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

void log(const std::string& text) { host_table().log(SADDLE_LOG_INFO, text.c_str()); }

std::string shape_text(const at::Tensor& t) {
  std::ostringstream text;
  text << t.sizes();
  return text.str();
}

// Outside of a trial: everything goes to the log.
class LogServices final : public TrialServices {
 public:
  bool cancelled() const override { return false; }
  // A line a second is enough; the first and the last are always told.
  void progress(const std::string& component, const std::string& what, int64_t done, int64_t total) override {
    using Clock = std::chrono::steady_clock;
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (what == last_ && done != total && now - told_ < std::chrono::seconds(1)) return;
    last_ = what;
    told_ = now;
    log(component + ": " + what + " " + std::to_string(done) +
        (total > 0 ? " of " + std::to_string(total) : ""));
  }
  void scalar(const std::string& name, double value) override {
    std::ostringstream text;
    text << name << " " << value;
    log(text.str());
  }
  void picture(const std::string& name, const at::Tensor& image) override {
    log(name + ": a picture of " + shape_text(image) + ", not kept outside of a trial");
  }
  void file(const std::string& name, const std::filesystem::path& path, const std::string&) override {
    log(name + ": the file " + path.string() + ", not kept outside of a trial");
  }

 private:
  std::mutex mutex_;
  std::string last_;
  std::chrono::steady_clock::time_point told_{};
};

std::atomic<TrialServices*> in_trial{nullptr};

TrialServices& services() {
  static LogServices outside;
  TrialServices* inside = in_trial.load(std::memory_order_acquire);
  return inside ? *inside : outside;
}

const std::string& component() {
  static const std::string nobody = "plugin";
  const auto& caller = call_site().caller;
  return caller ? caller->record : nobody;
}

void check_thread(const char* function) {
  if (in_trial.load(std::memory_order_acquire) && !call_site().trial_thread)
    throw Error(
        std::string(function) +
        " is for the thread that runs the trial; a data set that says `concurrent` is read on others");
}

std::string full_name(const char* what, const char* name) {
  check_thread(what);
  if (!name || !*name) throw Error(std::string("a ") + what + " without a name");
  return component() + "/" + name;
}

// The name becomes part of a file's.
std::string file_name(const char* what, const char* name) {
  std::string full = full_name(what, name);
  for (const char* c = name; *c; ++c)
    if (!(std::isalnum(static_cast<unsigned char>(*c)) || *c == '_' || *c == '-' || *c == '.'))
      throw Error(std::string("the ") + what + " '" + name +
                  "' becomes a file: its name is made of letters, digits, '_', '-' and '.'");
  return full;
}

int32_t cancelled() { return services().cancelled(); }

void progress(const char* what, int64_t done, int64_t total) {
  // It has no way to fail: when saddle is gone, the trial's own thread will notice.
  (void)guarded([&] { services().progress(component(), what ? what : "", done, total); });
}

saddle_status scalar(const char* name, double value) {
  return guarded([&] { services().scalar(full_name("scalar", name), value); });
}

saddle_status picture(const char* name, saddle_tensor* image) {
  return guarded([&] {
    const std::string full = file_name("picture", name);
    const at::Tensor t = share(image);
    if (!t.defined()) throw Error(std::string("the picture '") + name + "' is no tensor");
    const bool shaped = (t.dim() == 3 || t.dim() == 4) && t.numel() > 0;
    const int64_t channels = shaped ? t.size(t.dim() - 3) : 0;
    const bool typed = t.scalar_type() == at::kByte || at::isFloatingType(t.scalar_type());
    if (!shaped || !typed || (channels != 1 && channels != 3))
      throw Error(std::string("the picture '") + name + "' is " + c10::toString(t.scalar_type()) + " " +
                  shape_text(t) +
                  "; expected float from -1 to 1 or uint8, [C, H, W] or [N, C, H, W] with 1 or 3 channels");
    services().picture(full, t.detach());
  });
}

saddle_status file(const char* name, const char* path, const char* media_type) {
  return guarded([&] {
    const std::string full = file_name("file", name);
    if (!path || !std::filesystem::is_regular_file(path))
      throw Error(std::string("the file '") + name + "' is not there: " + (path ? path : "no path"));
    services().file(full, path, media_type && *media_type ? media_type : "application/octet-stream");
  });
}

saddle_status random(uint64_t* bits) {
  return guarded([&] {
    check_thread("random");
    at::Generator& generator = component_generator();
    const std::lock_guard<std::mutex> lock(generator.mutex());
    *bits = at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
  });
}

saddle_status full_precision(int32_t on) {
  return guarded([&] { on ? enter_full_precision() : leave_full_precision(); });
}

}  // namespace

InTrial::InTrial(TrialServices& services) {
  in_trial.store(&services, std::memory_order_release);
  call_site().trial_thread = true;
}
InTrial::~InTrial() {
  in_trial.store(nullptr, std::memory_order_release);
  call_site().trial_thread = false;
}

const saddle_trial_extension& trial_extension() {
  static const saddle_trial_extension table = {sizeof table, cancelled, progress, scalar,
                                               picture,      file,      random,   full_precision};
  return table;
}

}  // namespace saddle::worker
