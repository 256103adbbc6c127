#include "folder.hpp"

#include <cmath>
#include <map>

namespace saddle {
namespace {
namespace fs = std::filesystem;

constexpr const char* kRemedy =
    "Expected is a folder of PNG or JPEG pictures, or of one sub-folder for each class; or folders train and "
    "test "
    "that are each like that. Set the parameter `path`";

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool is_picture(const fs::path& path) {
  std::string end = path.extension().string();
  for (char& c : end) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

// Relative names of all pictures below a folder, sorted byte by byte, so the order is that of no file system.
std::vector<std::string> pictures_below(const fs::path& folder) {
  std::vector<std::string> names;
  fs::recursive_directory_iterator it(folder, fs::directory_options::follow_directory_symlink), end;
  for (; it != end; ++it) {
    if (is_hidden(it->path())) {
      it.disable_recursion_pending();
    } else if (it.depth() > 32) {
      files::fail(it->path(), "the folders are nested more than 32 deep (a link to itself?)", kRemedy);
    } else if (it->is_regular_file() && is_picture(it->path())) {
      if (it->file_size() == 0) files::fail(it->path(), "the file is empty", "Delete it or restore it");
      names.push_back(it->path().lexically_relative(folder).generic_string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

using ByClass = std::map<std::string, std::vector<fs::path>>;  // the class "" when there are no sub-folders

ByClass by_class(const fs::path& folder, files::Fingerprint& f) {
  ByClass classes;
  for (const std::string& name : pictures_below(folder)) {
    const size_t slash = name.find('/');
    classes[slash == std::string::npos ? "" : name.substr(0, slash)].push_back(folder / name);
    f.add(name).add(static_cast<uint64_t>(fs::file_size(folder / name)));
  }
  if (classes.empty()) files::fail(folder, "there is no .png, .jpg or .jpeg file in it", kRemedy);
  if (classes.contains("") && classes.size() > 1)
    files::fail(folder,
                "it holds pictures (" + classes[""].front().filename().string() + ") beside sub-folders (" +
                    std::next(classes.begin())->first + "), so classes are not clear",
                kRemedy);
  return classes;
}

Folder scan_folder(const fs::path& root, double test_share) {
  if (root.empty()) throw Error(std::string("no folder was named. ") + kRemedy);
  if (!fs::exists(root)) files::fail(root, "there is no such folder", kRemedy);
  if (!fs::is_directory(root)) files::fail(root, "this is not a folder", kRemedy);
  Folder out;
  files::Fingerprint f;
  const bool parted = fs::is_directory(root / "train") && fs::is_directory(root / "test");
  if (parted && test_share > 0)
    files::fail(root, "it has folders train and test, so test_share has no meaning", "Leave test_share out");
  const ByClass train = by_class(parted ? root / "train" : root, f);
  if (!train.contains(""))
    for (const auto& [name, paths] : train) out.classes.push_back(name);
  out.splits.resize(parted || test_share > 0 ? 2 : 1);

  int64_t label = 0;
  for (const auto& [name, paths] : train) {
    for (size_t i = 0; i < paths.size(); ++i) {
      // Every n-th of each class goes to test: exact shares, the same on every machine.
      const auto share = [&](size_t n) { return std::floor(static_cast<double>(n) * test_share); };
      out.splits[share(i + 1) > share(i)].push_back({paths[i], label});
    }
    ++label;
  }
  if (parted) {
    for (const auto& [name, paths] : by_class(root / "test", f)) {
      const auto at = std::distance(train.begin(), train.find(name));
      if (!train.contains(name)) files::fail(root / "test" / name, "train has no such class", kRemedy);
      for (const fs::path& path : paths) out.splits[1].push_back({path, at});
    }
  }
  if (out.splits[0].empty() || out.splits.back().empty())
    files::fail(root, "a split is left without pictures", "Change test_share, or leave it out");
  out.version = f.text();
  return out;
}
}  // namespace

Folder scan(const fs::path& root, double test_share) {
  try {
    return scan_folder(root, test_share);
  } catch (const fs::filesystem_error& e) {
    files::fail(e.path1().empty() ? root : e.path1(), "it cannot be read: " + e.code().message(), kRemedy);
  }
}

}  // namespace saddle
