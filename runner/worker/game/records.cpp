#include <game/records.hpp>

#include <ATen/ATen.h>

#include <common/error.hpp>
#include <common/sha256.hpp>
#include <image/sheet.hpp>

namespace saddle::worker {

Records::Records(FrameWriter& frames, Recorder& recorder, std::filesystem::path folder,
                 const std::atomic<bool>& stop)
    : frames_(frames), recorder_(recorder), folder_(std::move(folder)), stop_(stop) {}

void Records::begin(int64_t step) {
  send();
  step_ = step;
}

void Records::send() {
  for (const auto& [name, value] : scalars_) recorder_.number(name, step_, value);
  scalars_.clear();
  const std::map<std::string, File> files = std::exchange(files_, {});
  for (const auto& [file, what] : files) artifact(what.kind, what.name, file, what.media_type);
}

void Records::artifact(const std::string& kind, const std::string& name, const std::string& file,
                       const std::string& media_type) {
  const auto path = folder_ / file;
  frames_.artifact(nlohmann::json{
      {"kind", kind},
      {"name", name},
      {"step", step_},
      {"path", file},
      {"sha256", sha256_file(path)},
      {"bytes", std::filesystem::file_size(path)},
      {"media_type",
       media_type}}.dump());
}

// At most ten a second; the first of a kind and the last are always told.
void Records::progress(const std::string& component, const std::string& what, int64_t done, int64_t total) {
  const std::string of = component + "/" + what;
  {
    const std::lock_guard lock(progress_mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (of == progress_of_ && done != total && now - progress_told_ < std::chrono::milliseconds(100)) return;
    progress_of_ = of;
    progress_told_ = now;
  }
  frames_.event(nlohmann::json{
      {"type", "progress"}, {"component", component}, {"what", what}, {"done", done}, {"total", total}}
                    .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Records::scalar(const std::string& name, double value) { scalars_[name] = value; }

void Records::picture(const std::string& name, const at::Tensor& image) {
  const at::Tensor bytes = (image.scalar_type() == at::kByte ? image : to_uint8(image)).cpu();
  const std::string file = file_of(name, ".png");
  write_png(folder_ / file, bytes.dim() == 3 ? bytes.permute({1, 2, 0}) : sheet(bytes));
  files_[file] = {"picture", name, "image/png"};
}

void Records::file(const std::string& name, const std::filesystem::path& path,
                   const std::string& media_type) {
  const std::string file = file_of(name, path.extension().string());
  std::error_code error;
  std::filesystem::copy_file(path, folder_ / file, std::filesystem::copy_options::overwrite_existing, error);
  if (error)
    throw Error("cannot copy " + path.string() + " to " + folder_.string() + ": " + error.message(),
                kEnvironment);
  files_[file] = {"file", name, media_type};
}

std::string Records::file_of(const std::string& name, const std::string& extension) const {
  std::string file = name;
  for (char& c : file)
    if (!(std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.')) c = '-';
  return file + "-" + std::to_string(step_) + extension;
}

}  // namespace saddle::worker
