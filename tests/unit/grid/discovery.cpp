// Finding plugins on the search path, with a stand-in for the worker.
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include <common/sha256.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;
namespace fs = std::filesystem;

namespace {

// A cache, a worker and a log of how the worker was called.
class Machine {
 public:
  Machine() {
    ::setenv("XDG_CACHE_HOME", (scratch.path() / "cache").c_str(), 1);
    ::setenv("SADDLE_WORKER", FIXTURES "/worker.sh", 1);
    ::setenv("WORKER_LOG", log().c_str(), 1);
  }
  ~Machine() {
    for (const char* name : {"XDG_CACHE_HOME", "SADDLE_WORKER", "WORKER_LOG"}) ::unsetenv(name);
  }

  std::string log() const { return (scratch.path() / "log").string(); }
  std::size_t worker_starts() const {
    if (!fs::exists(log())) return 0;
    const std::string text = read_file(log());
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  // A plugin file of one component, long unchanged so that its hash is remembered.
  fs::path plugin(const std::string& file, const std::string& kind, const std::string& name,
                  const std::string& version = "1") const {
    const Json roles =
        kind == "loss" ? Json{{"generator", {{"needs", {"discriminator.logit"}}}}} : Json::object();
    const Json component = {
        {"kind", kind}, {"name", name}, {"version", version}, {"doc", ""}, {"roles", roles}};
    return raw(file,
               "\"ok\": true, \"plugin\": {\"name\": \"p\"}, \"components\": [" + component.dump() + "]}");
  }
  fs::path raw(const std::string& file, const std::string& text) const { return scratch.write(file, text); }

  Scratch scratch;
};

std::string error_of(const Catalogue& catalogue, const fs::path& file) {
  for (const BrokenPlugin& broken : catalogue.broken()) {
    if (broken.file == file) return broken.error;
  }
  return "sound";
}

}  // namespace

TEST_CASE("plugins are described once and then come from the cache") {
  Machine machine;
  machine.plugin("a/one.so", "loss", "one");
  machine.plugin("a/two.so", "dataset", "two");
  machine.raw("a/notes.txt", "no plugin");
  const fs::path folder = machine.scratch.path() / "a";
  const Catalogue first = Catalogue::discover({folder});
  REQUIRE(first.find("loss", "one") != nullptr);
  CHECK(first.find("loss", "one")->file == folder / "one.so");
  CHECK(first.find("loss", "one")->sha256 == sha256_file(folder / "one.so"));
  CHECK(first.find("loss", "one")->plugin == "p");
  CHECK(first.find("dataset", "one") == nullptr);
  CHECK(first.broken().empty());
  CHECK(machine.worker_starts() == 1);  // both in one process

  const Catalogue second = Catalogue::discover({folder});
  CHECK(second.components().size() == 2);
  CHECK(machine.worker_starts() == 1);

  machine.plugin("a/two.so", "dataset", "two", "2");
  const Catalogue third = Catalogue::discover({folder});
  CHECK(third.find("dataset", "two")->version == "2");
  CHECK(machine.worker_starts() == 2);

  machine.scratch.write("b/one.so", read_file(folder / "one.so"));  // known by its content
  CHECK(Catalogue::discover({machine.scratch.path() / "b"}).find("loss", "one") != nullptr);
}

TEST_CASE("a plugin that crashes, hangs or answers nonsense costs its own line") {
  Machine machine;
  machine.plugin("a/a_good.so", "loss", "first");
  const fs::path crash = machine.raw("a/crash.so", "crash");
  const fs::path garbage = machine.raw("a/garbage.so", "garbage");
  const fs::path hang = machine.raw("a/hang.so", "hang");
  const fs::path refused =
      machine.raw("a/refused.so", "\"ok\": false, \"error\": \"ABI 9, this program speaks 1\"}");
  const fs::path empty = machine.raw("a/empty.so", "\"ok\": true, \"components\": []}");
  const fs::path odd = machine.raw(
      "a/odd.so",
      "\"ok\": true, \"components\": [{\"kind\": \"loss\", \"name\": \"Bad Name\", \"version\": \"1\"}]}");
  const fs::path binary = machine.raw("a/binary.so", "\"ok\": true, \"components\": [\xFF\xFE]}");
  machine.plugin("a/z_good.so", "loss", "last");
  const Catalogue catalogue = Catalogue::discover({machine.scratch.path() / "a"}, {.silence_s = 0.5});
  CHECK(catalogue.names("loss") == std::vector<std::string>{"first", "last"});
  CHECK(error_of(catalogue, crash).find("was ended by signal 11") != std::string::npos);
  CHECK(error_of(catalogue, crash).find("about to fall") != std::string::npos);
  CHECK(error_of(catalogue, hang).find("gave no answer") != std::string::npos);
  CHECK(error_of(catalogue, garbage).find("no description") != std::string::npos);
  CHECK(error_of(catalogue, binary).find("no description") != std::string::npos);
  CHECK(error_of(catalogue, refused) == "ABI 9, this program speaks 1");
  CHECK(error_of(catalogue, empty) == "it holds no component");
  CHECK(error_of(catalogue, odd).find("\"Bad Name\" is no name for a loss") != std::string::npos);
  CHECK(catalogue.broken().size() == 7);
  // Nothing is opened again within the hour, unless asked for.
  const std::size_t starts = machine.worker_starts();
  const Catalogue known = Catalogue::discover({machine.scratch.path() / "a"});
  CHECK(machine.worker_starts() == starts);
  CHECK(error_of(known, crash) ==
        error_of(catalogue, crash) + " (0 min ago; saddle plugins ls --again tries anew)");
  CHECK(error_of(known, hang).find("gave no answer") != std::string::npos);
  CHECK(error_of(known, refused) == "ABI 9, this program speaks 1");
  machine.plugin("a/hang.so", "loss", "mended");
  CHECK(Catalogue::discover({machine.scratch.path() / "a"}).find("loss", "mended") != nullptr);
  CHECK(machine.worker_starts() == starts + 1);
  const Catalogue again =
      Catalogue::discover({machine.scratch.path() / "a"}, {.silence_s = 0.5, .again = true});
  CHECK(error_of(again, crash) == error_of(catalogue, crash));
  CHECK(machine.worker_starts() > starts + 1);
}

TEST_CASE("a crash is remembered for an hour") {
  Machine machine;
  const fs::path crash = machine.raw("a/crash.so", "crash");
  const std::string fresh = error_of(Catalogue::discover({machine.scratch.path() / "a"}), crash);
  for (const auto& entry : fs::directory_iterator(machine.scratch.path() / "cache" / "saddle" / "plugins")) {
    Json kept = Json::parse(read_file(entry.path()));
    if (!kept.contains("failed_at")) continue;
    kept["failed_at"] = kept["failed_at"].get<std::int64_t>() - 3599;
    replace_file(entry.path(), kept.dump());
    CHECK(error_of(Catalogue::discover({machine.scratch.path() / "a"}), crash).find("(59 min ago;") !=
          std::string::npos);
    kept["failed_at"] = kept["failed_at"].get<std::int64_t>() - 3600;
    replace_file(entry.path(), kept.dump());
    CHECK(error_of(Catalogue::discover({machine.scratch.path() / "a"}), crash) == fresh);
    return;
  }
  FAIL("nothing was kept");
}

TEST_CASE("the first on the search path wins, and the other is told") {
  Machine machine;
  const fs::path mine = machine.plugin("mine/h.so", "loss", "hinge", "2");
  const fs::path theirs = machine.plugin("theirs/h.so", "loss", "hinge", "1");
  const Catalogue catalogue =
      Catalogue::discover({machine.scratch.path() / "mine", machine.scratch.path() / "theirs"});
  CHECK(catalogue.find("loss", "hinge")->version == "2");
  REQUIRE(catalogue.shadowed().size() == 1);
  CHECK(catalogue.shadowed()[0].file == theirs);
  CHECK(catalogue.shadowed()[0].by == mine);
  CHECK(catalogue.shadowed()[0].version == "1");
}

TEST_CASE("a folder or file that anyone may write to is refused") {
  Machine machine;
  const fs::path file = machine.plugin("a/h.so", "loss", "hinge");
  ::chmod(file.c_str(), 0666);
  CHECK(error_of(Catalogue::discover({machine.scratch.path() / "a"}), file)
            .find("anyone on this machine may write") == 0);
  for (const mode_t mode : {0777, 01777}) {
    ::chmod((machine.scratch.path() / "a").c_str(), mode);
    CHECK_THROWS_WITH(
        Catalogue::discover({machine.scratch.path() / "a"}),
        Catch::Contains("/a: anyone on this machine may write to this plugin folder, and so run "
                        "code as you. Take that away (chmod o-w)"));
  }
}

TEST_CASE("what lies below a folder that anyone may write to is refused, and behind links") {
  Machine machine;
  const fs::path file = machine.plugin("open/a/h.so", "loss", "hinge");
  const fs::path open = machine.scratch.path() / "open", linked = machine.scratch.path() / "linked";
  ::chmod(open.c_str(), 0777);
  CHECK_THROWS_WITH(Catalogue::discover({open / "a"}),
                    Catch::Contains("may write to " + fs::canonical(open).string() + ", which it lies in"));
  fs::create_directory_symlink(open / "a", linked);
  CHECK_THROWS_WITH(Catalogue::discover({linked}), Catch::Contains("which it lies in"));
  fs::create_directory(machine.scratch.path() / "b");
  fs::create_symlink(file, machine.scratch.path() / "b" / "h.so");
  CHECK(error_of(Catalogue::discover({machine.scratch.path() / "b"}), machine.scratch.path() / "b" / "h.so")
            .find("which it lies in, and so run code as you") != std::string::npos);
  // As /tmp is: others may add there, but not take away.
  ::chmod(open.c_str(), 01777);
  CHECK(Catalogue::discover({open / "a"}).find("loss", "hinge") != nullptr);
  // The group is the user's own doing.
  ::chmod(open.c_str(), 0775);
  ::chmod((open / "a").c_str(), 0775);
  ::chmod(file.c_str(), 0664);
  CHECK(Catalogue::discover({open / "a"}).find("loss", "hinge") != nullptr);
}

TEST_CASE("what is no file is not read") {
  Machine machine;
  const fs::path folder = machine.scratch.path() / "a", pipe = folder / "pipe.so", away = folder / "away.so";
  fs::create_directories(folder / "folder.so");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  fs::create_symlink("/no/such/file", away);
  const Catalogue catalogue = Catalogue::discover({folder});
  CHECK(error_of(catalogue, pipe) == "not a regular file");
  CHECK(error_of(catalogue, folder / "folder.so") == "not a regular file");
  CHECK(error_of(catalogue, away) == "cannot be read: No such file or directory");
}

TEST_CASE("a folder that is not there is told, and is no reason to stop") {
  Machine machine;
  machine.plugin("a/h.so", "loss", "hinge");
  const Catalogue catalogue = Catalogue::discover({"/no/such/folder", machine.scratch.path() / "a"});
  CHECK(catalogue.find("loss", "hinge") != nullptr);
  CHECK(error_of(catalogue, "/no/such/folder").find("no such folder") == 0);
}

TEST_CASE("without a cache folder everything still works") {
  Machine machine;
  machine.plugin("a/h.so", "loss", "hinge");
  ::setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
  CHECK(Catalogue::discover({machine.scratch.path() / "a"}).find("loss", "hinge") != nullptr);
}

TEST_CASE("without a worker the error says what to do") {
  Machine machine;
  machine.plugin("a/h.so", "loss", "hinge");
  ::setenv("SADDLE_WORKER", "/no/worker", 1);
  CHECK_THROWS_WITH(Catalogue::discover({machine.scratch.path() / "a"}),
                    Catch::Contains("/no/worker: no worker program here"));
}

TEST_CASE("a description that breaks its own rules is refused with the rule") {
  const auto fault = [](const std::string& change) {
    Json component = component_list()[1];
    component.merge_patch(Json::parse(change));
    Catalogue catalogue;
    catalogue.add({{"ok", true}, {"components", {component}}}, "/p.so", "hash");
    return error_of(catalogue, "/p.so");
  };
  CHECK(fault("{}") == "sound");
  CHECK(fault(R"({"kind": "modle"})") == "no kind of component is called \"modle\"");
  CHECK(fault(R"({"version": 1})") == "model \"dcgan\": it has no \"version\" (a string)");
  CHECK(fault(R"({"parameters": {"properties": {"width": {"default": "x"}}}})")
            .find("its default does not satisfy its own schema") != std::string::npos);
  CHECK(fault(R"({"parameters": {"properties": {"width": {"multipleOf": 4}}}})")
            .find("the schema word \"multipleOf\" is not supported") != std::string::npos);
  CHECK(fault(R"({"parameters": {"properties": {"width": {"type": "int"}}}})")
            .find("no type is called \"int\"") != std::string::npos);
  CHECK(fault(R"({"parameters": {"properties": {"norm": {"type": "string"}}}})")
            .find("the parameter \"norm\" has a name that the host uses itself") != std::string::npos);
  CHECK(fault(R"({"parameters": {"additionalProperties": true}})").find("an unknown key is an error") !=
        std::string::npos);
  CHECK(fault(R"({"roles": null})").find("it declares no role") != std::string::npos);
  CHECK(fault(R"({"roles": {"generator": {"outputs": "image"}}})")
            .find("must have a list of names \"outputs\"") != std::string::npos);
}

TEST_CASE("shapes are proved once for each distinct game, and a failure has its place in the grid") {
  Machine machine;
  Json grid = base();
  grid["sweep"] = {{"models.generator.width", {{"values", {4, 8}}}},
                   {"optimizers.generator.lr", {{"values", {0.1, 0.2}}}}};
  grid["seeds"] = {1, 2};
  prove(plan_of(grid), catalogue());
  CHECK(machine.worker_starts() == 1);
  prove(plan_of(grid), catalogue());
  CHECK(machine.worker_starts() == 1);  // remembered

  std::string text = base().dump();
  text.pop_back();
  text +=
      ",\n\"sweep\": {\"models.generator.width\": {\"values\": [4, 7, 13, 8]}, \"train.pass\": {\"values\": "
      "[\"separate\", \"joint\"]}}}";
  try {
    prove(plan_text(text), catalogue());
    FAIL("proved");
  } catch (const Error& error) {
    const std::string message = error.what();
    INFO(message);
    CHECK(message.find("g.json:1:110 /models/generator: image 1x7x7, but the data has 1x8x8 (in "
                       "width7-separate and 1 more)") != std::string::npos);
    CHECK(message.find("the worker that built this was ended by signal 9 (Killed); it wrote: out of memory "
                       "(in width13-separate and 1 more)") != std::string::npos);
  }
}

TEST_CASE("a rebuilt plugin is proved again") {
  Machine machine;
  const Plan plan = plan_of(base());
  prove(plan, catalogue());
  Catalogue rebuilt;
  for (const Json& component : component_list())
    rebuilt.add({{"ok", true}, {"components", {component}}}, "/plugins/x.so", "another hash");
  prove(plan, rebuilt);
  CHECK(machine.worker_starts() == 2);
}

TEST_CASE("the files and parameters of a config are listed for the store") {
  Json grid = base();
  grid["train"]["augment"] = {{{"use", "flip"}}};
  grid["metrics"] = {{{"use", "frechet"}}};
  const Json config = plan_of(grid).trials[0].config->resolved();
  CHECK(plugin_files(config, catalogue()) == Json({{"dataset/digits", "/plugins/digits.so"},
                                                   {"loss/hinge", "/plugins/hinge.so"},
                                                   {"metric/frechet", "/plugins/frechet.so"},
                                                   {"model/dcgan", "/plugins/dcgan.so"},
                                                   {"transform/flip", "/plugins/flip.so"}}));
  std::map<std::string, std::pair<std::string, Json>> params;
  for (const Param& param : config_params(config))
    CHECK(params.try_emplace(param.path, param.type, param.value).second);
  CHECK(params.at("losses.0.use") == std::pair<std::string, Json>("string", "hinge"));
  CHECK(params.at("losses.0.weight") == std::pair<std::string, Json>("number", 1.0));
  CHECK(params.at("models.generator.width") == std::pair<std::string, Json>("integer", 64));
  CHECK(params.at("optimizers.generator.betas.1") == std::pair<std::string, Json>("number", 0.999));
  CHECK(params.at("optimizers.generator.schedule.use") == std::pair<std::string, Json>("string", "constant"));
  CHECK(params.at("train.updates.discriminator") == std::pair<std::string, Json>("integer", 1));
  CHECK(params.at("train.order.1") == std::pair<std::string, Json>("string", "generator"));
  CHECK(params.at("metrics.0.weights") == std::pair<std::string, Json>("string", "raw"));
  CHECK(params.at("train.augment.0.chance") == std::pair<std::string, Json>("number", 0.5));
  CHECK(config_params(Json{{"a", Json::array()}})[0].type == "list");
}

TEST_CASE("plan --json has the form that others rely on") {
  const Json json = plan_json(plan_of(base()));
  REQUIRE(json.at("trials").size() == 1);
  std::vector<std::string> keys;
  for (const auto& [key, value] : json["trials"][0].items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"config", "config_hash", "name", "seed", "trial_hash"});
  CHECK(json["trials"][0]["seed"] == 0);
  CHECK(json["trials"][0]["config"]["models"]["generator"]["role"] == "generator");
}

TEST_CASE("a loss whose needs name no parameter of it is a broken plugin") {
  const auto with = [](const Json& parameters) {
    const Json loss = {{"kind", "loss"},
                       {"name", "matching"},
                       {"version", "1"},
                       {"doc", ""},
                       {"parameters", {{"type", "object"}, {"properties", parameters}}},
                       {"roles", {{"generator", {{"needs", {"{model}.features"}}}}}}};
    Catalogue catalogue;
    catalogue.add({{"ok", true}, {"plugin", {{"name", "p"}}}, {"components", {loss}}}, "/p.so", "hash");
    return catalogue;
  };
  CHECK(with({{"model", {{"type", "string"}, {"default", "discriminator"}}}}).broken().empty());
  CHECK(error_of(with({{"player", {{"type", "string"}, {"default", "discriminator"}}}}), "/p.so") ==
        "loss \"matching\": it needs \"{model}.features\"; \"model\" must be a parameter of it that is text, "
        "with a default");
}
