#include "train_support.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/error.hpp"
#include "train/checkpoint.hpp"
#include "train/random.hpp"
#include "train/safetensors.hpp"
#include "train/update.hpp"

using namespace saddle::train;
using namespace saddle::train::test;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "saddle-train-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

std::string with_header(const std::string& header, const std::string& data) {
  uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

}  // namespace

TEST_CASE("safetensors: what is written is read back", "[train][safetensors]") {
  const Folder folder;
  const fs::path file = folder.path / "a.safetensors";
  std::map<std::string, at::Tensor> tensors;
  for (const at::ScalarType type :
       {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte})
    tensors[c10::toString(type)] = (random({3, 5}, 1) * 50).abs().to(type);
  tensors["bool"] = random({7}, 2) > 0;
  tensors["scalar"] = at::scalar_tensor(2.5);
  tensors["empty"] = at::zeros({0, 3});
  tensors["channels last"] = random({2, 3, 4, 5}, 3).contiguous(at::MemoryFormat::ChannelsLast);
  tensors["expanded \"and\" \u00e9"] = at::ones({1}).expand({4});
  tensors["grad"] = at::ones({2}).requires_grad_();
  write_safetensors(file, tensors, {{"note", "line\nbreak"}});
  const Safetensors back = read_safetensors(file);
  CHECK(back.metadata == std::map<std::string, std::string>{{"note", "line\nbreak"}});
  REQUIRE(back.tensors.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    CHECK(back.tensors.at(name).sizes() == tensor.sizes());
    CHECK(same_bits(back.tensors.at(name), tensor));
  }
  CHECK_FALSE(fs::exists(file.string() + ".tmp"));
  CHECK_THROWS_WITH(write_safetensors(file, {{"c", at::zeros({1}, at::kComplexFloat)}}),
                    Catch::Contains("ComplexFloat"));
  CHECK_THROWS_WITH(write_safetensors(file, {{"\xff", at::zeros({1})}}), Catch::Contains("not UTF-8"));
  CHECK(read_safetensors(file).tensors.size() == tensors.size());
  write_safetensors(file, {});
  CHECK(read_safetensors(file).tensors.empty());
}

TEST_CASE("safetensors: a file written by hand after the specification", "[train][safetensors]") {
  const Folder folder;
  const fs::path file = folder.path / "a.safetensors";
  const float values[] = {1, 2, 3, 4, 5, 6};
  std::string data(reinterpret_cast<const char*>(values), sizeof values);
  data += std::string("\x01\x00", 2);
  write_bytes(
      file,
      with_header(R"({"__metadata__":{"k":"v"},"m":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                  R"("b":{"data_offsets":[24,26],"shape":[2],"dtype":"BOOL"}}   )",
                  data));
  const Safetensors read = read_safetensors(file);
  CHECK(read.metadata.at("k") == "v");
  CHECK(difference(read.tensors.at("m"), at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}).view({2, 3})) == 0);
  CHECK(read.tensors.at("b")[0].item<bool>());
  CHECK_FALSE(read.tensors.at("b")[1].item<bool>());
}

TEST_CASE("safetensors: damaged files are refused with a reason", "[train][safetensors]") {
  const Folder folder;
  const fs::path file = folder.path / "bad.safetensors";
  const std::string eight(8, 'x');
  struct Damage {
    std::string bytes, reason;
  };
  const auto one = [&](const std::string& entry) { return with_header("{\"a\":" + entry + "}", eight); };
  std::string huge_header = with_header("{}", "");
  huge_header[7] = '\x01';
  const Damage damages[] = {
      {"", "too few"},
      {"1234567", "too few"},
      {huge_header, "header should have"},
      {with_header("", ""), "header"},
      {with_header("[]", ""), "not a JSON object"},
      {with_header("{\"a\":", ""), "header"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
       "\"a\""},
      {one(R"({"dtype":"F32","shape":[2]})"), "expected dtype"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1})"), "expected dtype"},
      {one(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"), "F8_E4M3"},
      {one(R"({"dtype":3,"shape":[8],"data_offsets":[0,8]})"), "dtype 3"},
      {one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "expected a count"},
      {one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), "expected a count"},
      {one(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), "list of sizes"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), "two offsets"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "outside"},
      {one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})"), "outside"},
      {one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), "make 12"},
      {one(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]})"), "too large"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), "4 bytes after the last"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"), "gap"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
       "overlaps"},
      {one(R"({"dtype":"BOOL","shape":[8],"data_offsets":[0,8]})"), "neither 0 nor 1"},
      {with_header(R"({"__metadata__":{"k":1}})", ""), "not a text"},
      {with_header(R"({"__metadata__":[]})", ""), "not an object"},
  };
  for (const Damage& damage : damages) {
    INFO(damage.bytes.substr(0, 200));
    write_bytes(file, damage.bytes);
    CHECK_THROWS_WITH(read_safetensors(file),
                      Catch::Contains(damage.reason) && Catch::Contains("bad.safetensors"));
    CHECK_THROWS_AS(read_safetensors(file), saddle::Error);
  }
  // Cut short anywhere.
  write_safetensors(file, {{"a", at::arange(5)}, {"b", at::ones({3})}}, {{"k", "v"}});
  const std::string whole = bytes_of(file);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_bytes(file, whole.substr(0, length));
    CHECK_THROWS_AS(read_safetensors(file), saddle::Error);
  }
  CHECK_THROWS_WITH(read_safetensors(folder.path / "none"), Catch::Contains("No such file"));
  CHECK_THROWS_AS(read_safetensors(folder.path), saddle::Error);
}

TEST_CASE("a full disk leaves the old file and no rubbish", "[train][safetensors]") {
  const Folder folder;
  const fs::path file = folder.path / "a.safetensors";
  write_safetensors(file, {{"a", at::ones({4})}});
  const at::Tensor large = at::ones({100000});
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);  // writing past the limit fails as on a full disk
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_safetensors(file, {{"a", large}});
    } catch (const saddle::Error& error) {
      _exit(error.exit_code == saddle::kEnvironment ? 42 : 1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
  CHECK(read_safetensors(file).tensors.at("a").numel() == 4);
  CHECK_FALSE(fs::exists(file.string() + ".tmp"));
}

TEST_CASE("a save that is killed leaves the old or the new file", "[train][checkpoint]") {
  const Folder folder;
  const fs::path file = folder.path / "checkpoint.safetensors";
  const at::Tensor large = at::zeros({1 << 20});
  save_checkpoint(file, {{"a", large}}, {{"step", 0}});
  int64_t last = 0, killed_inside = 0;
  for (int trial = 0; trial < 25; ++trial) {
    const pid_t child = fork();
    if (child == 0) {
      for (int64_t step = last + 1;; ++step) {
        // Plain C++: LibTorch's threads are not there after a fork.
        std::fill_n(large.data_ptr<float>(), large.numel(), static_cast<float>(step % 1000));
        save_checkpoint(file, {{"a", large}}, {{"step", step}});
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + 1777 * trial));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    killed_inside += fs::exists(file.string() + ".tmp");
    const Checkpoint found = load_checkpoint(file);
    const int64_t step = found.meta.at("step");
    CHECK(step >= last);
    const at::Tensor a = found.tensors.at("a");
    CHECK(a.numel() == large.numel());
    CHECK(a.min().item<double>() == static_cast<double>(step % 1000));
    CHECK(a.max().item<double>() == static_cast<double>(step % 1000));
    last = step;
  }
  CHECK(last > 0);           // or this test
  CHECK(killed_inside > 0);  // tested nothing
}

TEST_CASE("checkpoints keep JSON beside the tensors and know their own", "[train][checkpoint]") {
  const Folder folder;
  const fs::path file = folder.path / "a.safetensors";
  const nlohmann::json meta = {{"step", 12}, {"rate", 0.1}, {"nested", {{"x", {1, 2}}}}};
  std::map<std::string, at::Tensor> all;
  add_prefixed(all, "model/generator/", {{"w", at::ones({2})}});
  add_prefixed(all, "model/generator2/", {{"w", at::zeros({3})}});
  CHECK_THROWS_AS(add_prefixed(all, "model/", {{"generator/w", at::ones({2})}}), saddle::Error);
  save_checkpoint(file, all, meta);
  const Checkpoint back = load_checkpoint(file);
  CHECK(back.meta == meta);
  CHECK(with_prefix(back.tensors, "model/generator/").size() == 1);
  CHECK(with_prefix(back.tensors, "model/generator/").at("w").numel() == 2);
  CHECK(with_prefix(back.tensors, "other/").empty());
  write_safetensors(file, all);
  CHECK_THROWS_WITH(load_checkpoint(file), Catch::Contains("not a checkpoint"));
}

namespace {

// A player with everything that has state: norms, average, optimizer, randomness.
struct Game {
  at::Generator noise = make_generator(1, "latent");
  ParameterSet set{{{"conv", {4, 3, 3, 3}, Layout::conv, Init::he_normal(), Norm::spectral},
                    {"head", {1, 36}, Layout::linear, Init::xavier_uniform(), Norm::weight}},
                   {{"mean", {4}}},
                   make_generator(1, "init/discriminator"),
                   {.channels_last = true}};
  EffectiveWeights weights{set, {}};
  Ema ema{set, {.decay = 0.9, .start = 2}};
  Update update;
  int64_t number = 0;

  explicit Game(OptimizerKind kind) : update({{"discriminator", &weights, &ema}}, config(kind)) {}
  static OptimizerConfig config(OptimizerKind kind) {
    OptimizerConfig config;
    config.kind = kind;
    config.momentum = 0.9;
    config.clip_norm = 1;
    return config;
  }
  void play() {
    update.begin(++number);
    const at::Tensor x = at::empty({2, 3, 3, 3}).normal_(0, 1, noise);
    const at::Tensor h = at::conv2d(x, weights.weight("conv", number), {}, 1, 1).tanh();
    set.buffer("mean").lerp_(h.detach().mean({0, 2, 3}), 0.1);
    update.finish(at::linear(h.flatten(1), weights.weight("head", number)).exp().mean(), 0.01, number - 1);
  }
  std::map<std::string, at::Tensor> state() {
    std::map<std::string, at::Tensor> all;
    add_prefixed(all, "model/", set.tensors());
    add_prefixed(all, "ema/", ema.set().tensors());
    add_prefixed(all, "optimizer/", update.optimizer().state());
    all["random/latent"] = generator_state(noise);
    return all;
  }
  void load(const Checkpoint& checkpoint) {
    set.load(with_prefix(checkpoint.tensors, "model/"));
    ema.set().load(with_prefix(checkpoint.tensors, "ema/"));
    update.optimizer().load_state(with_prefix(checkpoint.tensors, "optimizer/"));
    set_generator_state(noise, checkpoint.tensors.at("random/latent"));
    number = checkpoint.meta.at("update");
  }
};

}  // namespace

TEST_CASE("a player resumed from a checkpoint continues bit for bit", "[train][checkpoint]") {
  const OptimizerKind kind =
      GENERATE(OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd, OptimizerKind::rmsprop);
  const Folder folder;
  Game whole(kind), first(kind), second(kind);
  for (int i = 0; i < 8; ++i) whole.play();
  for (int i = 0; i < 4; ++i) first.play();
  save_checkpoint(folder.path / "c.safetensors", first.state(), {{"update", first.number}});
  second.load(load_checkpoint(folder.path / "c.safetensors"));
  for (int i = 0; i < 4; ++i) second.play();
  const auto expected = whole.state(), found = second.state();
  for (const auto& [name, tensor] : expected) {
    INFO(name);
    CHECK(same_bits(found.at(name), tensor));
  }
}
