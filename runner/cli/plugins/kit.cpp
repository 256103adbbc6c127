#include <cli/plugins/kit.hpp>

#include <cstdlib>

#include <common/error.hpp>
#include <common/paths.hpp>

namespace saddle::cli {
namespace fs = std::filesystem;
namespace {

fs::path required(const fs::path& folder, const char* file) {
  std::error_code error;
  if (!fs::exists(folder / file, error))
    throw Error(folder.string() + ": there is no " + file +
                    " here, which belongs to the program. Build it again, or install it whole "
                    "(cmake --install).",
                kEnvironment);
  return folder;
}

}  // namespace

fs::path include_folder() { return required(kit_prefix() / "include", "saddle/abi.h"); }
fs::path exports_file() {
  return required(kit_prefix() / "lib" / "cmake" / "SaddlePlugin", "exports.map") / "exports.map";
}
fs::path template_folder() {
  return required(kit_prefix() / "share" / "saddle" / "template", "common/CMakeLists.txt");
}

fs::path kit_prefix() { return program_folder().parent_path(); }

std::string command_name() {
  const char* wrapper = std::getenv("SADDLE_COMMAND");
  return wrapper != nullptr && *wrapper != '\0' ? wrapper : "saddle";
}

}  // namespace saddle::cli
