#include "trial_fixture.hpp"

#include <ATen/ATen.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <bridge/loader.hpp>
#include <common/frames.hpp>
#include <common/paths.hpp>
#include <game/attempt.hpp>

namespace saddle::test {

json entry(json& trial, const std::string& kind, const std::string& name, json given) {
  const std::filesystem::path file = std::filesystem::path(PLUGINS) / (kind + "_" + name + ".so");
  const auto& component = worker::find_component(file, kind, name);
  for (const auto& [key, schema] : component.description["parameters"]["properties"].items())
    if (!given.contains(key)) given[key] = schema["default"];
  given["use"] = name;
  trial["plugins"][kind + "/" + name] = file.string();
  return given;
}

json trial_json() {
  json t = {{"name", "t"}, {"experiment", "e"}, {"seed", 3}, {"plugins", json::object()}};
  json& c = t["config"];
  const json adam = {{"use", "adam"},
                     {"lr", 1e-3},
                     {"betas", {0.0, 0.9}},
                     {"eps", 1e-8},
                     {"weight_decay", 0},
                     {"clip_norm", 0.0},
                     {"schedule", {{"use", "constant"}, {"warmup", 0}}}};
  c["dataset"] = entry(t, "dataset", "gaussians");
  for (const char* player : {"generator", "discriminator"}) {
    c["models"][player] = entry(t, "model", "mlp", {{"width", 16}});
    c["models"][player].update({{"role", player}, {"init", "default"}, {"norm", "default"}});
    c["optimizers"][player] = adam;
  }
  c["losses"] = {entry(t, "loss", "hinge", {{"weight", 1.0}})};
  c["train"] = {{"rounds", 12},
                {"batch", 32},
                {"updates", {{"discriminator", 1}, {"generator", 1}}},
                {"order", {"discriminator", "generator"}},
                {"ema", {{"decay", 0.9}, {"start", 0}}},
                {"latent", {{"use", "normal"}, {"size", 4}}},
                {"pass", "separate"},
                {"spectral_norm", {{"iterations", 1}, {"update", "own"}, {"eps", 1e-12}}},
                {"augment", json::array()},
                {"device", "cpu"},
                {"precision", "float32"},
                {"memory_format", "contiguous"},
                {"threads", 1}};
  c["metrics"] = json::array();
  c["record"] = {{"every", 2}, {"samples", {{"every", 0}, {"grid", 4}}}};
  c["checkpoint"] = {{"every", 0}};
  return t;
}

Told run(const json& trial, const std::filesystem::path& folder, const std::filesystem::path& checkpoint) {
  std::filesystem::create_directories(folder);
  const auto frames = folder / "frames";
  const int fd = ::open(frames.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  worker::run_attempt(worker::Trial::from_json(trial), {folder, fd, checkpoint});
  ::close(fd);

  const std::string bytes = read_file(frames);
  FrameReader reader;
  reader.feed(bytes.data(), bytes.size());
  Told told;
  std::map<uint32_t, std::string> names;
  for (Frame frame; reader.next(frame);) {
    if (frame.type == FrameType::kEvent) told.events.push_back(json::parse(frame.payload));
    if (frame.type == FrameType::kArtifact) told.artifacts.push_back(json::parse(frame.payload));
    if (frame.type == FrameType::kKey) {
      const json key = json::parse(frame.payload);
      names[key.at("id")] = key.at("name");
    }
    if (frame.type == FrameType::kMetrics)
      for_each_row(frame.payload, [&](const MetricRow& row) {
        if (names.at(row.key) != "images_per_second")
          told.rows.emplace_back(names.at(row.key), row.step, row.value);
      });
  }
  return told;
}

void write_idx(const std::filesystem::path& folder) {
  for (const std::string split : {"train", "t10k"}) {
    std::ofstream images(folder / (split + "-images-idx3-ubyte"), std::ios::binary);
    images.write("\0\0\x08\x03\0\0\0\x40\0\0\0\x08\0\0\0\x08", 16);
    for (int i = 0; i < 64; ++i)
      for (int p = 0; p < 64; ++p) images.put(static_cast<char>(p % 8 * 30 + i % 10));
    std::ofstream labels(folder / (split + "-labels-idx1-ubyte"), std::ios::binary);
    labels.write("\0\0\x08\x01\0\0\0\x40", 8);
    for (int i = 0; i < 64; ++i) labels.put(static_cast<char>(i % 10));
  }
}

Scratch::Scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "saddle-game-XXXXXX").string();
  folder = ::mkdtemp(pattern.data());
}
Scratch::~Scratch() { std::filesystem::remove_all(folder); }

OwnCache::OwnCache(const std::filesystem::path& folder) {
  if (const char* before = std::getenv("XDG_CACHE_HOME")) before_ = before;
  ::setenv("XDG_CACHE_HOME", folder.c_str(), 1);
}
OwnCache::~OwnCache() {
  if (before_)
    ::setenv("XDG_CACHE_HOME", before_->c_str(), 1);
  else
    ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace saddle::test
