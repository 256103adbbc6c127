#pragma once
#include <filesystem>
#include <string>
#include <vector>

// Compiling a plugin with the user's own compiler: one call where one language is spoken.
namespace saddle::cli {

// The C and C++ sources of a plugin: the file itself, or those in the folder. Throws Error
// when there are none.
std::vector<std::filesystem::path> plugin_sources(const std::filesystem::path& path);

// Compiles and links `sources` into `library`; what the compilers say goes to stderr.
// $CXX, $CC (else c++, cc), $CPPFLAGS, $CXXFLAGS, $CFLAGS, $LDFLAGS and $LDLIBS are honoured.
// A source that includes <saddle/torch.hpp> is compiled against $LIBTORCH or the worker's own.
// `scratch` is a folder for object files. Throws Error (kNegative) when a compiler fails.
void compile_plugin(const std::vector<std::filesystem::path>& sources, const std::filesystem::path& library,
                    const std::filesystem::path& scratch);

}  // namespace saddle::cli
