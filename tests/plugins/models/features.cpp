// The feature extractors, and how pictures are resized for them, against the packages that published numbers
// were made with (tests/reference/extractors_reference.py).
#include <plugins/harness.hpp>

#include <cstdlib>
#include <filesystem>

#include <catch2/catch.hpp>

#include <game/resize.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

// The formulas of the reference.
uint64_t splitmix(uint64_t state) {
  uint64_t z = state + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
at::Tensor uniform(uint64_t seed, at::IntArrayRef shape) {
  at::Tensor u = at::empty(shape, at::kDouble);
  auto* to = u.data_ptr<double>();
  for (int64_t i = 0; i < u.numel(); ++i)
    to[i] = static_cast<double>(splitmix((seed << 32) + static_cast<uint64_t>(i)) >> 40) / (1 << 24);
  return u;
}
uint32_t crc32(const std::string& text) {
  uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}
at::Tensor value_of(const std::string& name, at::IntArrayRef shape) {
  const at::Tensor u = uniform(crc32(name), shape) - 0.5;
  if (shape.size() > 1) {
    double fan_in = 1;
    for (const int64_t n : shape.slice(1)) fan_in *= static_cast<double>(n);
    return u * std::sqrt(12 * (shape.size() == 4 ? 2 : 1) / fan_in);
  }
  if (name.ends_with("running_var")) return 1 + 0.5 * u;
  return (name.ends_with(".weight") ? 1.0 : 0.0) + 0.4 * u;
}
// In [-1, 1].
at::Tensor pictures(int64_t count, int64_t height, int64_t width) {
  const at::Tensor slope =
      at::arange(height, at::kFloat).view({-1, 1}) / height + at::arange(width, at::kFloat) / width;
  const at::Tensor bytes =
      at::floor(255.999 * (0.4 * uniform(7, {count, 3, height, width}) + 0.3 * slope.to(at::kDouble)));
  return (bytes / 127.5 - 1).to(at::kFloat);
}

const std::map<std::string, at::Tensor>& reference() {
  static const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/extractors_reference.safetensors");
  return file.tensors;
}

// With the formula's weights, unless a file is named.
struct Extractor : TestModel {
  Extractor(const std::string& name, const json& config, int64_t side)
      : TestModel(name, "features", with_weights(config), {{"sample_shape", {3, side, side}}}) {
    if (config.contains("weights")) return;
    const auto& declared = model.declared().buffers;
    for (size_t i = 0; i < buffers.size(); ++i)
      buffers[i].copy_(value_of(declared[i].name, buffers[i].sizes()));
  }
  static json with_weights(json config) {
    if (!config.contains("weights")) config["weights"] = "random";
    return config;
  }
};

// All outputs that the reference has.
void compare(const std::string& network, const NamedTensors& outputs) {
  int compared = 0;
  for (const auto& [name, value] : outputs) {
    const auto expected = reference().find(network + "/" + name);
    if (expected == reference().end()) continue;
    INFO(network << " " << name);
    CHECK(relative_distance(value, expected->second) < 1e-4);
    ++compared;
  }
  CHECK(compared > 0);
}

}  // namespace

TEST_CASE("pictures are resized as TensorFlow 1, clean-fid and PyTorch do", "[features]") {
  int compared = 0;
  for (const auto& [name, expected] : reference()) {
    if (!name.starts_with("resize/")) continue;
    INFO(name);
    const size_t slash = name.find('/', 7);
    const std::string mode = name.substr(7, slash - 7);
    int height = 0, width = 0, side = 0;
    REQUIRE(std::sscanf(name.c_str() + slash + 1, "%dx%dto%d", &height, &width, &side) == 3);
    const at::Tensor found =
        worker::resized(pictures(1, height, width), worker::resize_from_name(mode), side);
    CHECK(distance((found + 1) * 127.5, expected) < 1e-3);  // of 255
    ++compared;
  }
  CHECK(compared == 9);
  const at::Tensor x = pictures(2, 9, 9);
  for (const char* mode : {"none", "legacy", "clean", "bilinear"})
    CHECK(distance(worker::resized(x, worker::resize_from_name(mode), 9), x) < 1e-6);
  CHECK(error_of([] { worker::resize_from_name("lanczos"); }).find("known: none") != std::string::npos);
}

TEST_CASE("inception_v3 is the network of the FID", "[features]") {
  at::NoGradGuard no_grad;
  const at::Tensor x = pictures(2, 32, 32);
  const auto at299 = [&](worker::Resize mode) { return worker::resized(x, mode, 299); };
  const Extractor fid("inception_v3", json::object(), 299);
  compare("inception_torch_fidelity", fid(at299(worker::Resize::legacy), false));
  const Extractor unit("inception_v3", {{"input", "unit"}}, 299);
  compare("inception_pytorch_fid", unit(at299(worker::Resize::bilinear), false));
  const Extractor torchvision("inception_v3", {{"variant", "torchvision"}}, 299);
  compare("inception_torchvision", torchvision(at299(worker::Resize::bilinear), false));
}

TEST_CASE("vgg16 is torchvision's network", "[features]") {
  at::NoGradGuard no_grad;
  const Extractor vgg("vgg16", {{"width", 4}}, 224);
  compare("vgg16", vgg(worker::resized(pictures(2, 32, 32), worker::Resize::legacy, 224), false));
}

TEST_CASE("efficientnet_lite0 is the published network", "[features]") {
  at::NoGradGuard no_grad;
  const at::Tensor x = worker::resized(pictures(2, 32, 32), worker::Resize::clean, 224);
  compare("efficientnet", Extractor("efficientnet_lite0", json::object(), 224)(x, false));
  // Frozen: a pass of training gives the same, and leaves the statistics alone.
  const Extractor net("efficientnet_lite0", json::object(), 224);
  const at::Tensor evaluated = worker::find(net(x, false), "features");
  CHECK(at::equal(worker::find(net(x, true), "features"), evaluated));
  CHECK(at::equal(worker::find(net(x, false), "features"), evaluated));

  const char* data = std::getenv("SADDLE_DATA");
  const std::string file = std::string(data ? data : "") + "/extractors/efficientnet_lite0.safetensors";
  if (!std::filesystem::exists(file)) {
    WARN("the real weights are not here: ./saddle fetch efficientnet_lite0");
    return;
  }
  compare("efficientnet_real", Extractor("efficientnet_lite0", {{"weights", file}}, 224)(x, false));
}

TEST_CASE("an extractor's weights are its own", "[features]") {
  const auto error = [](const std::string& name, const json& config, json facts) {
    facts["sample_shape"] = {3, 299, 299};
    return error_of([&] {
      const worker::Component& c = component("model", name);
      worker::Model(c, "features", with_defaults(c, config), facts);
    });
  };
  using Catch::Contains;
  CHECK_THAT(error("vgg16", json::object(), {{"data_folder", "/nowhere"}}),
             Contains("/nowhere/extractors/vgg16.safetensors") && Contains("./saddle fetch vgg16"));
  CHECK_THAT(error("inception_v3", json::object(), json::object()), Contains("there is no data folder"));
  const std::string other = std::string(SADDLE_TEST_REFERENCE) + "/extractors_reference.safetensors";
  CHECK_THAT(error("inception_v3", {{"weights", other}}, json::object()),
             Contains("Conv2d_1a_3x3.conv.weight"));
  const auto wrong = std::filesystem::temp_directory_path() / "saddle_features_test.safetensors";
  train::write_safetensors(
      wrong, {{"features.0.weight", at::zeros({64, 3, 5, 5})}, {"classifier.0.weight", at::zeros({2, 2})}});
  CHECK_THAT(error("vgg16", {{"weights", wrong.string()}}, json::object()),
             Contains("is [2, 2], this network's is [4096, 25088]"));
  std::filesystem::remove(wrong);
}
