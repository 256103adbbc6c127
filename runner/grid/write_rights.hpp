#pragma once
#include <filesystem>
#include <map>
#include <string>

namespace saddle {

// Whether just anyone on this machine could put other code in the place of a
// plugin. Looked at are the folder or file itself and every folder above it,
// behind all symbolic links. The owner and the group are trusted; so are folders
// like /tmp above it, in which anyone may write but not replace what others own.
class WriteRights {
 public:
  // "anyone on this machine may write to it" and so on; "" when all is well.
  std::string folder_fault(const std::filesystem::path& folder);
  // The same for a plugin file; also when it is no regular file.
  std::string file_fault(const std::filesystem::path& file);

 private:
  std::string above_fault(const std::filesystem::path& folder);
  std::map<std::filesystem::path, std::string> known_;  // of folders, as folders above something
};

}  // namespace saddle
