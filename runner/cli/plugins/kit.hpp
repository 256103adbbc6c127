#pragma once
#include <filesystem>
#include <string>

// What plugin authors need, found relative to the program: a build folder and an
// installed tree have one layout.
namespace saddle::cli {

// Folder with saddle/abi.h. Throws Error (kEnvironment) where it is missing.
std::filesystem::path include_folder();
// The list of symbols that a plugin may export, for the linker. Throws Error (kEnvironment) where it is
// missing.
std::filesystem::path exports_file();
// Folder with one template for each kind. Throws Error (kEnvironment) where it is missing.
std::filesystem::path template_folder();
// Where find_package(SaddlePlugin) finds all of it.
std::filesystem::path kit_prefix();

// How the user calls this program: "saddle", or what a wrapper says in $SADDLE_COMMAND.
std::string command_name();

}  // namespace saddle::cli
