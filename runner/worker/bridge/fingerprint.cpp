#include <saddle/torch_fingerprint.hpp>

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <bridge/fingerprint.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <bridge/library_file.hpp>
#include <bridge/loader.hpp>

namespace saddle::worker {
namespace {

constexpr saddle::detail::FingerprintText kOwn = saddle::detail::fingerprint();

struct Field {
  std::string_view key, words;
  bool matters = true;
};
// What a user calls each field; one that is not listed goes by its key.
constexpr Field kFields[] = {
    {"libtorch", "LibTorch"},
    {"libtorch_abi", "LibTorch's ABI version (TORCH_ABI_VERSION)"},
    {"cuda", "LibTorch's CUDA"},
    {"stdlib", "the standard library"},
    {"cxx11_abi", "the C++11 ABI (_GLIBCXX_USE_CXX11_ABI)"},
    {"ndebug", "NDEBUG"},
    {"glibcxx_debug", "_GLIBCXX_DEBUG"},
    {"sanitizer", "sanitizer"},
    {"headers", "the plugin API's headers, of hash"},
    {"compiler", "the compiler", false},
    {"compiler_abi", "the compiler's ABI version (__GXX_ABI_VERSION)", false},
};

using Entries = std::vector<std::pair<std::string_view, std::string_view>>;

Entries parse(std::string_view text) {
  Entries entries;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    const std::string_view line = text.substr(0, end);
    if (const size_t equals = line.find('='); equals != std::string_view::npos)
      entries.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return entries;
}

}  // namespace

FingerprintDifference compare_fingerprints(std::string_view found, std::string_view own) {
  FingerprintDifference difference;
  const Entries theirs = parse(found);
  for (const auto& [key, ours] : parse(own)) {
    const auto same_key = [&, &k = key](const auto& e) { return e.first == k; };
    const bool said = std::any_of(theirs.begin(), theirs.end(), same_key);
    const auto wrong = std::find_if(theirs.begin(), theirs.end(),
                                    [&, &o = ours](const auto& e) { return same_key(e) && e.second != o; });
    if (said && wrong == theirs.end()) continue;
    const auto known = std::find_if(std::begin(kFields), std::end(kFields),
                                    [&, &k = key](const Field& f) { return f.key == k; });
    const Field field = known == std::end(kFields) ? Field{key, key} : *known;
    const std::string words(field.words);
    std::string text = said ? "built with " + words + " " + std::string(wrong->second)
                            : "does not say with which " +
                                  std::string(words.starts_with("the ") ? words.substr(4) : words) +
                                  " it was built";
    text += (field.matters ? ", this worker has " : ", this worker with ") + std::string(ours);
    if (!field.matters)
      difference.warnings.push_back(text);
    else if (difference.refusal.empty())
      difference.refusal = text + ": rebuild it";
  }
  return difference;
}

std::string_view worker_fingerprint() { return {kOwn.data.data(), kOwn.size}; }

void check_fingerprint(const std::filesystem::path& file) {
  const auto section = LibraryFile(file).section(SADDLE_NATIVE_SECTION);
  if (!section) return;
  const FingerprintDifference difference = compare_fingerprints(*section, worker_fingerprint());
  if (!difference.refusal.empty())
    throw Refusal(file.string() + ": native plugin " + difference.refusal, "entry");
  for (const std::string& warning : difference.warnings)
    std::fprintf(stderr, "[warning] %s: %s\n", file.c_str(), warning.c_str());
}

std::filesystem::path libtorch_folder() {
  Dl_info found{};
  if (!dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &found) || !found.dli_fname) return {};
  return std::filesystem::weakly_canonical(found.dli_fname).parent_path().parent_path();
}

}  // namespace saddle::worker
