// Finding plugins and asking the worker about those that are new. `saddle` never
// opens a plugin itself: a truncated one raises SIGBUS inside dlopen.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <optional>
#include <set>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <common/sha256.hpp>
#include <grid/catalogue.hpp>
#include <grid/file_hashes.hpp>
#include <grid/write_rights.hpp>

namespace saddle {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kFailureKept_s = 3600;

struct Candidate {
  fs::path file;
  std::string sha256;
  fs::path cached;  // where its description is kept
  Json answer;      // null until known
};

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

// What was kept of an earlier answer. Crashes and hangs count for an hour only: they may have been the
// machine's fault.
std::optional<Json> remembered(const fs::path& cached, const DiscoverOptions& options) {
  std::error_code error;
  if (cached.empty() || !fs::exists(cached, error)) return std::nullopt;
  std::optional<Json> known = parsed(read_file(cached));
  if (!known || !known->contains("failed_at")) return known;
  const Json& at = (*known)["failed_at"];
  const std::int64_t age = at.is_number_integer() ? std::time(nullptr) - at.get<std::int64_t>() : -1;
  if (options.again || age < 0 || age >= kFailureKept_s) return std::nullopt;
  if ((*known)["error"].is_string())
    (*known)["error"] = (*known)["error"].get<std::string>() + " (" + std::to_string(age / 60) +
                        " min ago; saddle plugins ls --again tries anew)";
  return known;
}

void keep(const Candidate& candidate, Json answer, bool failed) {
  if (candidate.cached.empty()) return;
  if (failed) answer["failed_at"] = std::time(nullptr);
  replace_file(candidate.cached, answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

const char* const kNonsense = "the worker described it with something that is no description";

// Takes the answers out of the worker's stdout, and the candidates that are settled out of `open`. Returns
// the one in which the worker ended: which it said it was opening, and left without an answer.
Candidate* take_answers(const std::string& out, std::vector<Candidate*>& open) {
  Candidate* last = nullptr;
  std::size_t start = 0;
  while (start < out.size()) {
    const std::size_t end = std::min(out.find('\n', start), out.size());
    const std::string line = out.substr(start, end - start);
    start = end + 1;
    const Json answer = line.starts_with('{') ? Json::parse(line, nullptr, false) : Json();
    if (!answer.is_object()) continue;
    for (Candidate* candidate : open) {
      if (answer.value("opening", Json()) == candidate->file.string()) {
        if (last != nullptr && last->answer.is_null()) last->answer = refusal(kNonsense);
        last = candidate;
      }
      if (answer.value("file", Json()) == candidate->file.string() && answer.contains("ok"))
        candidate->answer = answer;
    }
  }
  std::erase_if(open, [](const Candidate* candidate) { return !candidate->answer.is_null(); });
  return last != nullptr && last->answer.is_null() ? last : nullptr;
}

ChildResult describe(const fs::path& worker, const std::vector<Candidate*>& asked,
                     const DiscoverOptions& options) {
  std::vector<std::string> argv = {worker.string(), "describe"};
  for (const Candidate* candidate : asked) argv.push_back(candidate->file.string());
  // What a plugin prints while it is opened is no answer.
  return run_child(argv, "", {options.silence_s, options.start_s, /*answers_only=*/true});
}

// What the loader of programs says, and with which code, when a library that the worker itself needs is
// missing: no plugin's fault, and nothing to remember.
void check_started(const fs::path& worker, const ChildResult& result) {
  if (!result.out.empty() || result.exit_code != 127 ||
      result.err.find("error while loading shared libraries") == std::string::npos)
    return;
  throw Error(worker.string() + " cannot start, it " + result.failure() +
                  ". LibTorch is searched where it was when the worker was built, and in " +
                  (worker.parent_path().parent_path() / "lib/libtorch").string() + " (a link will do)",
              kEnvironment);
}

// All in one process, since starting LibTorch is what costs. The file in which it ended is asked again at
// the head of the next process: only what ends a process that has opened nothing else is to blame, and
// costs its own line.
void ask_worker(std::vector<Candidate>& candidates, const DiscoverOptions& options) {
  std::vector<Candidate*> asked;
  for (Candidate& candidate : candidates) {
    if (candidate.answer.is_null()) asked.push_back(&candidate);
  }
  if (asked.empty()) return;
  const fs::path worker = worker_path();
  std::vector<Candidate*> open = asked;
  std::set<const Candidate*> spared;
  while (!open.empty()) {
    Candidate* const first = open.front();
    const ChildResult result = describe(worker, open, options);
    check_started(worker, result);
    Candidate* last = take_answers(result.out, open);
    if (last == nullptr && !open.empty()) last = open.front();
    if (last == nullptr) break;
    const auto place = std::find(open.begin(), open.end(), last);
    if (last != first) {
      std::rotate(open.begin(), place, place + 1);
      continue;
    }
    // SIGKILL comes from outside: from the kernel that is out of memory, or from a person. Asked once more,
    // and not remembered.
    const bool killed = result.signal == SIGKILL && !result.timed_out;
    if (killed && spared.insert(last).second) continue;
    last->answer = refusal("the worker that opened it " + result.failure());
    if (!killed) keep(*last, last->answer, true);
    last->cached.clear();
    open.erase(place);
  }
  for (Candidate* candidate : asked) {
    const Json& answer = candidate->answer;
    if (answer.contains("sha256") && answer["sha256"] != candidate->sha256) {
      candidate->answer = refusal("the file changed while it was being described; try again");
    } else {
      keep(*candidate, answer, false);
    }
  }
}

}  // namespace

Catalogue Catalogue::discover(const std::vector<fs::path>& folders, const DiscoverOptions& options) {
  Catalogue catalogue;
  FileHashes hashes;
  WriteRights rights;
  std::string worker_identity;
  std::vector<Candidate> candidates;
  for (const fs::path& folder : folders) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      catalogue.broken_.push_back({folder, "no such folder, though it is on the plugin search path"});
      continue;
    }
    if (const std::string why = rights.folder_fault(folder); !why.empty())
      throw Error(folder.string() + ": " + why +
                  ", and so run code as you. Take that away (chmod o-w) or take this folder off the plugin "
                  "search path.");
    for (const fs::path& file : shared_objects(folder)) {
      if (worker_identity.empty()) worker_identity = hashes.of(worker_path());
      Candidate candidate;
      candidate.file = file;
      try {
        if (const std::string why = rights.file_fault(file); !why.empty()) throw Error(why);
        candidate.sha256 = hashes.of(file);
        if (const fs::path cache = cache_folder(); !cache.empty())
          candidate.cached =
              cache / "plugins" / (candidate.sha256 + "-" + worker_identity.substr(0, 16) + ".json");
        if (std::optional<Json> known = remembered(candidate.cached, options)) {
          candidate.answer = std::move(*known);
        } else if (options.only && !options.only->contains(candidate.sha256)) {
          candidate.answer =
              refusal("not opened, since the grid does not pin it; its SHA-256 is " + candidate.sha256);
        }
      } catch (const Error& failure) {
        candidate.answer = refusal(failure.what());
      }
      candidates.push_back(std::move(candidate));
    }
  }
  ask_worker(candidates, options);
  hashes.save();
  for (const Candidate& candidate : candidates)
    catalogue.add(candidate.answer, candidate.file, candidate.sha256);
  return catalogue;
}

}  // namespace saddle
