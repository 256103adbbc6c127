#include <bridge/loader.hpp>

#include <sys/stat.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <bridge/complete.hpp>
#include <bridge/fingerprint.hpp>
#include <bridge/host.hpp>
#include <bridge/library_file.hpp>
#include <bridge/operators.hpp>
#include <bridge/watch.hpp>
#include <common/error.hpp>
#include <common/sha256.hpp>

namespace saddle::worker {
namespace {

const char* kind_name(int32_t kind) {
  constexpr const char* names[] = {"", "model", "loss", "dataset", "metric", "transform"};
  return kind >= SADDLE_KIND_MODEL && kind <= SADDLE_KIND_TRANSFORM ? names[kind] : "";
}

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why,
                         const char* rule = "entry") {
  throw Refusal(file.string() + ": " + why, rule);
}

bool valid_name(const char* name) {
  if (!name || !*name) return false;
  for (const char* p = name; *p; ++p)
    if (!(*p == '_' || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9'))) return false;
  return true;
}

std::string short_struct(uint32_t size, uint32_t first) {
  return "struct_size " + std::to_string(size) + ", less than the " + std::to_string(first) +
         " of ABI version 1";
}

// The interface as this host knows it: what a plugin is too old to have is null in it.
template <class T, class... Functions>
const T* check_interface(const std::filesystem::path& file, const std::string& who, const T* table,
                         Functions T::*... functions) {
  if (!table) refuse(file, who + " has no interface (component.as is null)");
  if (!is_long_enough(*table))
    refuse(file, who + ": its interface has " + short_struct(table->struct_size, kFirstSize<T>));
  if (!((table->*functions != nullptr) && ...)) refuse(file, who + ": a function of its interface is null");
  return complete_table(table);
}

void check_interface(const std::filesystem::path& file, const std::string& who, saddle_component& c) {
  using M = saddle_model;
  using L = saddle_loss;
  using D = saddle_dataset;
  using E = saddle_metric;
  switch (c.kind) {
    case SADDLE_KIND_MODEL:
    case SADDLE_KIND_TRANSFORM:
      c.as.model = check_interface(file, who, c.as.model, &M::create, &M::destroy, &M::forward);
      break;
    case SADDLE_KIND_LOSS:
      c.as.loss = check_interface(file, who, c.as.loss, &L::create, &L::destroy, &L::compute);
      break;
    case SADDLE_KIND_DATASET:
      c.as.dataset = check_interface(file, who, c.as.dataset, &D::create, &D::destroy, &D::info, &D::fill);
      break;
    default:
      c.as.metric =
          check_interface(file, who, c.as.metric, &E::create, &E::destroy, &E::reference, &E::measure);
  }
}

Component read_component(const std::filesystem::path& file, const saddle_component* given) {
  if (!given) refuse(file, "a component in its list is null");
  if (!is_long_enough(*given))
    refuse(file, "a component of it has " + short_struct(given->struct_size, kFirstSize<saddle_component>));
  // Like the plugin, its components stay for the life of the process.
  static std::deque<saddle_component> components;
  saddle_component* c = &components.emplace_back(complete(*given));
  Component component{c, {}, kind_name(c->kind), "", file.string()};
  if (component.kind.empty())
    refuse(file, "a component of the unknown kind " + std::to_string(c->kind), "description");
  if (!valid_name(c->name))
    refuse(file, "a " + component.kind + " has a name that is not made of a-z, 0-9 and _", "description");
  component.name = c->name;
  const std::string who = component.kind + " '" + component.name + "'";
  if (!c->description) refuse(file, who + " has no description", "description");
  try {
    component.description = nlohmann::json::parse(c->description);
  } catch (const nlohmann::json::exception& e) {
    const std::string text = e.what();  // "[json.exception.parse_error.101] parse error at ..."
    refuse(file, who + ": its description is not JSON: " + text.substr(text.find("] ") + 2), "description");
  }
  const auto& d = component.description;
  if (!d.is_object()) refuse(file, who + ": its description is not a JSON object", "description");
  for (const char* key : {"kind", "name", "version", "doc"})
    if (!d.contains(key) || !d[key].is_string())
      refuse(file, who + ": its description lacks the text \"" + key + "\"", "description");
  if (d["kind"] != component.kind || d["name"] != component.name)
    refuse(file,
           who + ": its description speaks of " + d["kind"].get<std::string>() + " '" +
               d["name"].get<std::string>() + "'",
           "description");
  if (!d.contains("parameters") || !d["parameters"].is_object() ||
      d["parameters"].value("type", std::string()) != "object")
    refuse(file, who + ": \"parameters\" of its description is not a JSON Schema of type object",
           "description");
  check_interface(file, who, *c);
  return component;
}

void check_extensions(const std::filesystem::path& file, const saddle_plugin& p) {
  if (p.extension_count && !p.extensions) refuse(file, "its list of extensions is null");
  std::string missing;
  for (uint32_t i = 0; i < p.extension_count; ++i) {
    if (!p.extensions[i]) refuse(file, "an extension without an id in its list");
    if (!host_table().extension(p.extensions[i]))
      missing += (missing.empty() ? "" : ", ") + std::string(p.extensions[i]);
  }
  if (!missing.empty()) refuse(file, "needs what this host does not have: " + missing);
}

// What the dynamic linker says less clearly, or with SIGBUS.
void check_library(const std::filesystem::path& file) {
  const LibraryFile library(file);
  if (!library.is_elf()) refuse(file, "not a shared library: it has no ELF header");
  if (!library.machine().empty() && library.machine() != LibraryFile::this_machine())
    refuse(file, "built for " + library.machine() + "; this machine is " + LibraryFile::this_machine());
  if (library.is_truncated())
    refuse(file, "cut short: its own tables speak of more than its " +
                     std::to_string(std::filesystem::file_size(file)) + " bytes");
  if (!library.is_shared_library()) refuse(file, "not a shared library, but another kind of ELF file");
}

// dlerror's text out of Boost's, without the name of the file.
std::string linker_message(std::string text, const std::filesystem::path& file) {
  const std::string before = "dlerror system message: ";
  const size_t start = text.find(before), end = text.rfind("): ");
  if (start == std::string::npos || end == std::string::npos || end < start) return text;
  text = text.substr(start + before.size(), end - start - before.size());
  const std::string name = std::filesystem::absolute(file).string() + ": ";
  return text.starts_with(name) ? text.substr(name.size()) : text;
}

// Which bytes are opened, told by hash; after dlopen it must still be the same file.
class OpenedFile {
 public:
  explicit OpenedFile(const std::filesystem::path& file)
      : file_(file), before_(state()), sha256_(sha256_file(file)) {}
  const std::string& sha256() const { return sha256_; }
  void check_unchanged() const {
    if (state() != before_) refuse(file_, "changed while it was being opened; try again");
  }

 private:
  using State = std::array<int64_t, 6>;
  State state() const {
    struct stat s {};
    if (::stat(file_.c_str(), &s) != 0) return {};
    return {static_cast<int64_t>(s.st_dev),
            static_cast<int64_t>(s.st_ino),
            s.st_size,
            s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec,
            s.st_ctim.tv_sec * 1'000'000'000 + s.st_ctim.tv_nsec,
            0};
  }
  const std::filesystem::path& file_;
  State before_;
  std::string sha256_;
};

struct Pin {
  std::string component, sha256;
};
std::map<std::filesystem::path, Pin>& pins() {
  static std::map<std::filesystem::path, Pin> all;
  return all;
}

void check_pin(const std::filesystem::path& file, const std::string& sha256, bool opened) {
  const auto pin = pins().find(std::filesystem::weakly_canonical(file));
  if (pin == pins().end() || pin->second.sha256 == sha256) return;
  throw Error(pin->second.component + " is pinned to SHA-256 " + pin->second.sha256 + ", but " +
              file.string() + " is " + sha256 + (opened ? "" : ": it was not opened"));
}

const saddle_plugin* call_entry(const std::filesystem::path& file, saddle_plugin_entry entry) {
  const saddle_plugin* given = nullptr;
  try {
    given = entry(&host_table());
  } catch (const std::exception& e) {
    refuse(file, std::string("an exception left its " SADDLE_ENTRY_NAME ": ") + message_of(e));
  } catch (...) {
    refuse(file, "an exception left its " SADDLE_ENTRY_NAME);
  }
  if (!given) check_component(SADDLE_ERROR, file.string());
  return given;
}

Plugin open(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) refuse(file, "no such file");
  // Kept open for the life of the process: callbacks and tables of the plugin stay in use.
  static std::vector<std::unique_ptr<boost::dll::shared_library>> libraries;
  auto library = std::make_unique<boost::dll::shared_library>();
  const OpenedFile bytes(file);
  check_pin(file, bytes.sha256(), false);
  check_library(file);
  check_fingerprint(file);
  const auto caller = std::make_shared<Caller>(Caller{file.string(), "", kept_text(file.string()), nullptr});
  try {
    const Calling calling(caller, "dlopen");
    // rtld_now: an unresolved symbol is an exception here, not the end of the process later.
    library->load(std::filesystem::absolute(file),
                  boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& e) {
    refuse(file, "cannot be opened: " + linker_message(e.what(), file));
  }
  bytes.check_unchanged();
  if (!library->has(SADDLE_ENTRY_NAME))
    refuse(file, "does not export " SADDLE_ENTRY_NAME ", so it is not a Saddle plugin");
  const auto entry = reinterpret_cast<saddle_plugin_entry>(
      &library->get<const saddle_plugin*(const saddle_host*)>(SADDLE_ENTRY_NAME));
  libraries.push_back(std::move(library));

  const Calling calling(caller, SADDLE_ENTRY_NAME);
  const saddle_plugin* given = call_entry(file, entry);
  if (!is_long_enough(*given))
    refuse(file, "its saddle_plugin has " + short_struct(given->struct_size, kFirstSize<saddle_plugin>));
  const saddle_plugin whole = complete(*given), *const p = &whole;
  if (p->abi_version < 1 || p->abi_version > SADDLE_ABI_VERSION)
    refuse(file, "speaks ABI version " + std::to_string(p->abi_version) + "; this host speaks version 1" +
                     (SADDLE_ABI_VERSION > 1 ? " to " + std::to_string(SADDLE_ABI_VERSION) : ""));
  check_extensions(file, *p);
  Plugin plugin{file, bytes.sha256(), p->name ? p->name : "", p->version ? p->version : "", p->abi_version,
                {}};
  if (p->component_count == 0 || !p->components) refuse(file, "has no components");
  std::set<std::string> names;
  for (uint32_t i = 0; i < p->component_count; ++i) {
    plugin.components.push_back(read_component(file, p->components[i]));
    const Component& c = plugin.components.back();
    if (!names.insert(c.kind + "/" + c.name).second)
      refuse(file, "has two components " + c.kind + "/" + c.name);
  }
  if (p->operator_count && !p->operators) refuse(file, "its list of operators is null", "operators");
  for (uint32_t i = 0; i < p->operator_count; ++i) {
    saddle_operator_slot* slot = p->operators[i];
    if (!slot || !slot->schema) refuse(file, "an operator slot without a schema", "operators");
    try {
      slot->handle = resolve_operator(slot->schema);
    } catch (const Error& e) {
      refuse(file, e.what(), "operators");
    }
  }
  return plugin;
}

}  // namespace

const Plugin& load_plugin(const std::filesystem::path& file) {
  static std::mutex mutex;
  static std::map<std::filesystem::path, std::unique_ptr<Plugin>> loaded;
  const std::lock_guard lock(mutex);
  auto& plugin = loaded[std::filesystem::weakly_canonical(file)];
  if (!plugin)
    plugin = std::make_unique<Plugin>(open(file));
  else
    check_pin(file, plugin->sha256, true);
  return *plugin;
}

void pin_file(const std::filesystem::path& file, const std::string& component, const std::string& sha256) {
  pins()[std::filesystem::weakly_canonical(file)] = {component, sha256};
}

const Component& find_component(const std::filesystem::path& file, const std::string& kind,
                                const std::string& name) {
  const Plugin& plugin = load_plugin(file);
  for (const Component& c : plugin.components)
    if (c.kind == kind && c.name == name) return c;
  throw Error(file.string() + ": has no " + kind + " '" + name + "'");
}

nlohmann::json describe_plugin(const std::filesystem::path& file) {
  nlohmann::json line = {{"file", file.string()}, {"sha256", ""}, {"ok", false}};
  try {
    line["sha256"] = sha256_file(file);
    const Plugin& plugin = load_plugin(file);
    line["plugin"] = {{"name", plugin.name}, {"version", plugin.version}, {"abi", plugin.abi_version}};
    line["components"] = nlohmann::json::array();
    for (const Component& c : plugin.components) line["components"].push_back(c.description);
    line["ok"] = true;
  } catch (const std::exception& e) {
    std::string text = message_of(e);
    const std::string prefix = file.string() + ": ";
    line["error"] = text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  }
  return line;
}

}  // namespace saddle::worker
