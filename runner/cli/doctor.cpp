#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <boost/version.hpp>

#include <cli/command.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <db/reader.hpp>
#include <db/store.hpp>
#include <grid/catalogue.hpp>
#include <schedule/machine.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

// One line of the answer. A fault is something that a run would stumble over.
struct Finding {
  std::string topic, text;
  bool fault = false;
};

class Doctor {
 public:
  explicit Doctor(const Globals& globals) : globals_(globals) {}

  void examine() {
    versions();
    cpu();
    worker();
    plugins();
    database();
    disk();
  }

  const std::vector<Finding>& findings() const { return findings_; }
  const Json& facts() const { return facts_; }
  bool healthy() const { return healthy_; }

 private:
  void note(const std::string& topic, const std::string& text) { findings_.push_back({topic, text}); }
  void fault(const std::string& topic, const std::string& text) {
    findings_.push_back({topic, text, true});
    healthy_ = false;
  }

  void versions() {
    utsname system{};
    ::uname(&system);
    std::string boost = BOOST_LIB_VERSION;
    for (char& c : boost) c = c == '_' ? '.' : c;
    note("saddle", SADDLE_VERSION);
    note("SQLite", sqlite3_libversion());
    note("Boost", boost);
    note("system", std::string(system.sysname) + " " + system.release + " " + system.machine);
    facts_["saddle"] = SADDLE_VERSION;
    facts_["sqlite"] = sqlite3_libversion();
    facts_["boost"] = boost;
  }

  void cpu() {
    std::ifstream in("/proc/cpuinfo");
    std::string model = "unknown", flags;
    for (std::string line; std::getline(in, line);) {
      const std::size_t colon = line.find(": ");
      if (colon == std::string::npos) continue;
      if (line.rfind("model name", 0) == 0) model = line.substr(colon + 2);
      if (line.rfind("flags", 0) == 0) flags = line.substr(colon + 1) + " ";
    }
    const auto has = [&](const std::string& flag) {
      return flags.find(" " + flag + " ") != std::string::npos;
    };
    const bool bf16 = has("avx512_bf16") || has("amx_bf16");
    const int cores = schedule::available_cores();
    note("CPU",
         model + ", " + std::to_string(cores) + (cores == 1 ? " core" : " cores") + " to use, " +
             (has("avx512f") ? "AVX-512"
              : has("avx2")  ? "AVX2"
                             : "no AVX2") +
             (bf16 ? ", bfloat16 in hardware" : ", no bfloat16 in hardware (train.precision float32)"));
    facts_["cpu"] = {{"model", model}, {"cores", cores}, {"avx512_bf16", has("avx512_bf16")}};
  }

  void worker() {
    try {
      const ChildResult result = run_child({worker_path().string(), "info"}, "", 30);
      if (!result.ok()) return fault("worker", worker_path().string() + " " + result.failure());
      const Json info = Json::parse(result.out);
      facts_["worker"] = info;
      note("worker", worker_path().string());
      note("LibTorch", info.at("libtorch").get<std::string>() + ", " + info.at("isa").get<std::string>() +
                           ", " + std::to_string(info.at("threads").get<int>()) + " threads by default, in " +
                           info.at("libtorch_folder").get<std::string>());
      const Json& cuda = info.at("cuda");
      note("CUDA",
           cuda.at("available").get<bool>() ? "available" : "no: " + cuda.value("reason", "not said"));
    } catch (const Error& e) {
      fault("worker", e.what());
    } catch (const Json::exception& e) {
      fault("worker", "its answer cannot be understood, is it of this build? " + std::string(e.what()));
    }
  }

  void plugins() {
    const std::vector<fs::path> folders = plugin_search_path(globals_.plugin_folders);
    Json listed = Json::array();
    try {
      const Catalogue catalogue = Catalogue::discover(folders);
      for (const fs::path& folder : folders) {
        std::set<std::string> files;
        int components = 0;
        for (const Component* component : catalogue.components())
          if (component->file.parent_path() == folder) ++components, files.insert(component->file.string());
        const std::string count = !fs::is_directory(folder) ? "not there"
                                                            : std::to_string(files.size()) + " plugins, " +
                                                                  std::to_string(components) + " components";
        note("plugins", folder.string() + ": " + count);
        listed.push_back(
            {{"folder", folder.string()}, {"plugins", files.size()}, {"components", components}});
      }
      if (const fs::path own = user_plugin_folder(); !own.empty() && !fs::is_directory(own))
        note("plugins", own.string() + ": not there yet; plugins build makes it");
      if (catalogue.components().empty())
        fault("plugins", "none found. Name a folder with --plugins or SADDLE_PLUGIN_PATH.");
      for (const BrokenPlugin& broken : catalogue.broken())
        fault("plugins", broken.file.string() + " cannot be used: " + broken.error);
    } catch (const Error& e) {
      fault("plugins", e.what());
    }
    facts_["plugins"] = listed;
  }

  // Writes, reads and removes a database beside the real one, so that looking
  // does not create it. The real one is only read.
  void database() {
    const fs::path real = fs::absolute(globals_.database);
    const fs::path trial = real.parent_path() / (".saddle-doctor-" + std::to_string(::getpid()) + ".db");
    try {
      {
        db::Store store(trial);
        store.add_experiment({"doctor", "{}", std::string(64, '0'), "", "", false});
        store.close();
      }
      if (db::Reader(trial).named("latest_experiment", {db::Value()}).rows.size() != 1)
        fault("database", "what was written in " + real.parent_path().string() + " could not be read back");
      else
        note("database", "written and read back in " + real.parent_path().string());
    } catch (const std::exception& e) {
      fault("database", std::string("write test failed: ") + e.what());
    }
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
      std::error_code ignored;
      fs::remove(trial.string() + suffix, ignored);
    }
    if (!fs::exists(real)) return note("database", real.string() + ": not there yet");
    try {
      db::Reader reader(real);
      const db::Rows rows =
          reader.query("SELECT count(*), count(CASE WHEN state = 'done' THEN 1 END) FROM trials");
      const auto number = [&](std::size_t i) {
        return std::to_string(std::get<std::int64_t>(rows.rows[0][i]));
      };
      note("database", real.string() + ": " + number(0) + " trials, " + number(1) + " done");
    } catch (const std::exception& e) {
      fault("database", e.what());
    }
  }

  void disk() {
    std::error_code error;
    const fs::path folder = fs::absolute(globals_.database).parent_path();
    const fs::space_info space = fs::space(folder, error);
    if (error) return fault("disk", folder.string() + ": " + error.message());
    std::ostringstream text;
    text.precision(1);
    text << std::fixed << static_cast<double>(space.available) / 1e9
         << " GB free for the database and its runs";
    facts_["disk_free_bytes"] = space.available;
    constexpr std::uintmax_t kLittle = 200'000'000;
    if (space.available < kLittle) return fault("disk", text.str() + ": too little to run");
    note("disk", text.str());
  }

  const Globals& globals_;
  std::vector<Finding> findings_;
  Json facts_ = Json::object();
  bool healthy_ = true;
};

void run_doctor(bool json, Globals& globals) {
  Doctor doctor(globals);
  doctor.examine();
  if (!doctor.healthy()) globals.exit_code = kNegative;
  if (json) {
    Json out = doctor.facts();
    out["healthy"] = doctor.healthy();
    out["faults"] = Json::array();
    for (const Finding& finding : doctor.findings())
      if (finding.fault) out["faults"].push_back(finding.topic + ": " + finding.text);
    std::cout << out.dump(2) << '\n';
    return;
  }
  for (const Finding& finding : doctor.findings()) {
    std::string topic = finding.topic;
    topic.resize(10, ' ');
    std::cout << (finding.fault ? "FAULT  " : "ok     ") << topic << finding.text << '\n';
  }
}

}  // namespace

void add_doctor(CLI::App& app, Globals& globals) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("doctor", "Is everything there that a run needs: versions, plugins, disk");
  command->add_flag("--json", *json, "The same as one JSON object");
  command->callback([json, &globals] { run_doctor(*json, globals); });
}

}  // namespace saddle::cli
