#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace saddle {

// Folder of the running program, symlinks resolved.
std::filesystem::path program_folder();

// saddle-worker beside this program, or $SADDLE_WORKER. Throws Error
// (kEnvironment) when there is none that can be executed.
std::filesystem::path worker_path();

// $XDG_DATA_HOME/saddle/plugins or ~/.local/share/saddle/plugins: where `saddle plugins
// build` puts what it builds. Empty when neither variable is set.
std::filesystem::path user_plugin_folder();

// Where plugins are searched, in order: `given` (--plugins), the folders of
// $SADDLE_PLUGIN_PATH (separated by colons), the user's own if it is there, the
// bundled ../lib/saddle/plugins. Absolute; a folder named twice stays at its first
// place; none but the user's need exist.
std::vector<std::filesystem::path> plugin_search_path(const std::vector<std::filesystem::path>& given);

// $XDG_CACHE_HOME/saddle or ~/.cache/saddle; empty when neither variable is set.
std::filesystem::path cache_folder();

// Where the data sets are: $SADDLE_DATA, or share/saddle/data of an installed tree.
std::filesystem::path data_folder();
// The weights of a bundled feature extractor, in the data folder.
std::filesystem::path extractor_weights(const std::string& name);

// The whole file. Throws Error with the path and the system's reason.
std::string read_file(const std::filesystem::path& file);

// Writes to a temporary name beside `file`, then renames: a reader sees the old
// content or the new, never a part. False when the folder cannot be written.
bool replace_file(const std::filesystem::path& file, const std::string& content);

}  // namespace saddle
