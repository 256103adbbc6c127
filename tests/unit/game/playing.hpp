// What tests of whole games share.
#pragma once
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <game/game.hpp>

#include "trial_fixture.hpp"

namespace saddle::test {

inline std::map<std::string, double> play_one(worker::Game& game, int64_t round = 0) {
  worker::Record record;
  worker::Fault fault;
  REQUIRE(game.play(round, &record, &fault));
  std::map<std::string, double> numbers;
  for (const auto& [name, value] : record) numbers[name] = value.item<double>();
  return numbers;
}

inline std::map<std::string, at::Tensor> copied(const std::map<std::string, at::Tensor>& tensors) {
  std::map<std::string, at::Tensor> copy;
  for (const auto& [name, t] : tensors) copy[name] = t.clone();
  return copy;
}

inline bool equal(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, t] : a)
    if (!b.contains(name) || !at::equal(t, b.at(name))) return false;
  return true;
}

// A DCGAN pair on pictures of 8 x 8, in batches of 8.
inline json picture_trial(const std::filesystem::path& folder) {
  write_idx(folder);
  json t = trial_json();
  auto& c = t["config"];
  c["dataset"] = entry(t, "dataset", "idx", {{"path", folder.string()}});
  c["models"]["generator"] = entry(t, "model", "dcgan", {{"role", "generator"}, {"width", 4}});
  c["models"]["discriminator"] = entry(t, "model", "dcgan", {{"role", "discriminator"}, {"width", 4}});
  c["train"]["batch"] = 8;
  return t;
}

}  // namespace saddle::test
