// Finding plugins and asking the worker about those that are new. `saddle` never
// opens a plugin itself: a truncated one raises SIGBUS inside dlopen.
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <optional>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <common/sha256.hpp>
#include <grid/catalogue.hpp>
#include <grid/file_hashes.hpp>

namespace saddle {
namespace fs = std::filesystem;
namespace {

struct Candidate {
  fs::path file;
  std::string sha256;
  fs::path cached;  // where its description is kept
  Json answer;      // null until known
};

bool anyone_may_write(const fs::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) != 0;
}

Json refusal(const std::string& why) { return {{"ok", false}, {"error", why}}; }

std::vector<fs::path> shared_objects(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<Json> parsed(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded() || !value.is_object() || !value.contains("ok")) return std::nullopt;
  return value;
}

// Takes the answers out of the worker's stdout. A plugin may print when it is
// loaded, so lines that are no answer are passed over.
void take_answers(const std::string& out, std::vector<Candidate*>& asked) {
  std::size_t start = 0;
  while (start < out.size()) {
    const std::size_t end = std::min(out.find('\n', start), out.size());
    const std::string line = out.substr(start, end - start);
    start = end + 1;
    const std::optional<Json> answer = line.starts_with('{') ? parsed(line) : std::nullopt;
    if (!answer || !answer->contains("file")) continue;
    for (Candidate* candidate : asked) {
      if ((*answer)["file"] == candidate->file.string()) candidate->answer = *answer;
    }
  }
  std::erase_if(asked, [](const Candidate* candidate) { return !candidate->answer.is_null(); });
}

ChildResult describe(const fs::path& worker, const std::vector<Candidate*>& asked, double silence_s) {
  std::vector<std::string> argv = {worker.string(), "describe"};
  for (const Candidate* candidate : asked) argv.push_back(candidate->file.string());
  return run_child(argv, "", silence_s);
}

// All in one process, since starting LibTorch is what costs. Whatever that
// process left unanswered is asked again in a process of its own, so that a
// plugin that ends it costs its own line only.
void ask_worker(std::vector<Candidate>& candidates, double silence_s) {
  std::vector<Candidate*> asked;
  for (Candidate& candidate : candidates) {
    if (candidate.answer.is_null()) asked.push_back(&candidate);
  }
  if (asked.empty()) return;
  const fs::path worker = worker_path();
  std::vector<Candidate*> open = asked;
  ChildResult result = describe(worker, open, silence_s);
  take_answers(result.out, open);
  const bool alone = asked.size() == 1;
  for (Candidate* candidate : std::vector<Candidate*>(open)) {
    std::vector<Candidate*> one = {candidate};
    if (!alone) {
      result = describe(worker, one, silence_s);
      take_answers(result.out, one);
    }
    if (!one.empty()) {
      candidate->cached.clear();  // may be the machine's fault: asked again next time
      candidate->answer =
          refusal(result.ok() ? "the worker described it with something that is no description"
                              : "the worker that opened it " + result.failure());
    }
  }
  for (Candidate* candidate : asked) {
    const Json& answer = candidate->answer;
    if (answer.contains("sha256") && answer["sha256"] != candidate->sha256) {
      candidate->answer = refusal("the file changed while it was being described; try again");
    } else if (!candidate->cached.empty()) {
      replace_file(candidate->cached, answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    }
  }
}

}  // namespace

Catalogue Catalogue::discover(const std::vector<fs::path>& folders, double silence_s) {
  Catalogue catalogue;
  FileHashes hashes;
  std::string worker_identity;
  std::vector<Candidate> candidates;
  for (const fs::path& folder : folders) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      catalogue.broken_.push_back({folder, "no such folder, though it is on the plugin search path"});
      continue;
    }
    if (anyone_may_write(folder)) {
      throw Error(folder.string() +
                  ": anyone on this machine may write to this plugin folder, and so run code as you. "
                  "Take that away (chmod o-w) or take it off the search path.");
    }
    for (const fs::path& file : shared_objects(folder)) {
      if (worker_identity.empty()) worker_identity = hashes.of(worker_path());
      Candidate candidate;
      candidate.file = file;
      try {
        if (anyone_may_write(file))
          throw Error("anyone on this machine may write to it, and so run code as you (chmod o-w)");
        candidate.sha256 = hashes.of(file);
        const fs::path cache = cache_folder();
        if (!cache.empty()) {
          candidate.cached =
              cache / "plugins" / (candidate.sha256 + "-" + worker_identity.substr(0, 16) + ".json");
          if (fs::exists(candidate.cached, error)) {
            if (std::optional<Json> known = parsed(read_file(candidate.cached)))
              candidate.answer = std::move(*known);
          }
        }
      } catch (const Error& failure) {
        candidate.answer = refusal(failure.what());
      }
      candidates.push_back(std::move(candidate));
    }
  }
  ask_worker(candidates, silence_s);
  hashes.save();
  for (const Candidate& candidate : candidates)
    catalogue.add(candidate.answer, candidate.file, candidate.sha256);
  return catalogue;
}

}  // namespace saddle
