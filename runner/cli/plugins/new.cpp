#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/plugins/commands.hpp>
#include <cli/plugins/kit.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>

namespace saddle::cli {
namespace {
namespace fs = std::filesystem;

struct Arguments {
  std::string kind, name, language = "c++", folder;
};

using Words = std::vector<std::pair<std::string, std::string>>;  // placeholder, what takes its place

std::string replaced(std::string text, const Words& words) {
  for (const auto& [placeholder, word] : words)
    for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos; at += word.size())
      text.replace(at, placeholder.size(), word);
  return text;
}

void check_name(const std::string& name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > 60 || !(name[0] >= 'a' && name[0] <= 'z') ||
      !std::all_of(name.begin(), name.end(), good))
    throw Error("\"" + name +
                "\" is no name for a component: up to 60 of a-z, 0-9 and _, and a letter first, "
                "as squared_hinge");
}

// squared_hinge, loss -> SquaredHingeLoss. The kind keeps it apart from what the SDK calls Tensor or Step.
std::string type_name(const std::string& name, const std::string& kind) {
  std::string type;
  bool first = true;
  for (const char c : name + "_" + kind) {
    if (c != '_') type += first && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    first = c == '_';
  }
  return type;
}

// The program as the user calls it, from wherever the new folder is used.
std::string program() {
  const std::string called = command_name();
  if (called.find('/') != std::string::npos) return fs::absolute(called).lexically_normal().string();
  return (program_folder() / "saddle").string();
}

void write(const fs::path& from, const fs::path& to, const Words& words) {
  std::ofstream(to, std::ios::binary) << replaced(read_file(from), words);
  fs::permissions(to, fs::status(from).permissions() | fs::perms::owner_write);
  if (fs::file_size(to) == 0) throw Error(to.string() + ": could not be written", kEnvironment);
}

void make(const Arguments& a) {
  check_name(a.name);
  if (a.language == "c" && a.kind != "dataset")
    throw Error("--language c: the template in C is that of a dataset; a " + a.kind +
                " calls operators, which the C++ SDK writes out. plugin-api/ABI.md tells what C needs");
  const fs::path templates = template_folder();
  const fs::path folder = a.folder.empty() ? fs::path(a.name) : fs::path(a.folder) / a.name;
  std::error_code error;
  if (fs::exists(fs::symlink_status(folder, error)))
    throw Error(folder.string() + ": exists already. Choose another name, or say with --folder where");
  const bool c = a.language == "c";
  const fs::path own = templates / (a.kind + (c ? "_c" : ""));
  const std::string expectations = "expectations";  // the part of test.sh that each kind has for itself
  const Words words = {{"@EXPECTATIONS@", read_file(own / expectations)},
                       {"template_name", a.name},
                       {"TemplateType", type_name(a.name, a.kind)},
                       {"@SADDLE@", program()},
                       {"@PREFIX@", kit_prefix().string()},
                       {"@LANGUAGE@", c ? "C" : "CXX"},
                       {"@EXTENSION@", c ? "c" : "cpp"},
                       {"@LINK@", c ? "\ntarget_link_libraries(" + a.name + " PRIVATE m)" : ""}};
  try {
    fs::create_directories(folder);
    for (const fs::path& from : {templates / "common", own})
      for (const auto& entry : fs::directory_iterator(from))
        if (entry.path().filename() != expectations)
          write(entry.path(), folder / replaced(entry.path().filename().string(), words), words);
  } catch (const fs::filesystem_error& e) {
    throw Error(e.path1().string() + ": " + e.code().message(), kEnvironment);
  }
  const std::string saddle = command_name();
  std::cout << folder.string() << ": " << a.kind << ' ' << a.name << ", "
            << (c ? a.name + ".c" : a.name + ".cpp") << ", a test and a README\n\nnext:\n  " << saddle
            << " plugins build " << folder.string() << "\n  " << saddle << " plugins check " << a.name
            << '\n';
}

}  // namespace

void add_plugins_new(CLI::App& plugins, Globals&) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = plugins.add_subcommand(
      "new", "Write a folder with a component to start from: source, CMakeLists.txt, a test, README");
  command->add_option("kind", a->kind, "What it is to be")
      ->required()
      ->check(CLI::IsMember(component_kinds()))
      ->type_name("KIND");
  command->add_option("name", a->name, "Its name, as after \"use\"")->required()->type_name("NAME");
  command->add_option("--language", a->language, "c++, or c for a dataset [c++]")
      ->check(CLI::IsMember({"c++", "c"}));
  command->add_option("--folder", a->folder, "Where to make the folder NAME [here]")->type_name("DIR");
  command->callback([a] { make(*a); });
}

}  // namespace saddle::cli
