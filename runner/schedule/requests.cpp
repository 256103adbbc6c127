#include <schedule/requests.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include <common/error.hpp>
#include <common/json.hpp>
#include <common/paths.hpp>

namespace saddle::schedule {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> requests_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json") files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

fs::path requests_folder(const fs::path& runs_folder) { return runs_folder / ".requests"; }

std::string post_request(const fs::path& folder, const std::vector<std::int64_t>& trials) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::string name = std::to_string(now) + "-" + std::to_string(::getpid());
  const fs::path file = folder / (name + ".json");
  if (!replace_file(file, Json{{"cancel", trials}}.dump() + "\n"))
    throw Error("cannot write " + file.string() + ": is the disk full, or the folder not yours?",
                kEnvironment);
  return name;
}

bool withdraw_request(const fs::path& folder, const std::string& name) {
  std::error_code error;
  return fs::remove(folder / (name + ".json"), error);
}

Mailbox::Mailbox(fs::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  for (const fs::path& file : requests_in(folder_)) fs::remove(file, ignored);
}

std::vector<Request> Mailbox::take() {
  std::vector<Request> taken;
  for (const fs::path& file : requests_in(folder_)) {
    std::string text;
    try {
      text = read_file(file);
    } catch (const Error&) {
      continue;  // withdrawn in this moment
    }
    std::error_code error;
    if (!fs::remove(file, error)) continue;
    try {
      taken.push_back(
          {file.stem().string(), Json::parse(text).at("cancel").get<std::vector<std::int64_t>>()});
    } catch (const Json::exception&) {
      // None of ours.
    }
  }
  return taken;
}

}  // namespace saddle::schedule
