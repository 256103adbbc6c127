#include <ATen/ATen.h>
#include <png.h>
// LibTorch defines CHECK too.
#undef CHECK
#include <catch2/catch.hpp>

#include <filesystem>
#include <limits>

#include <common/error.hpp>
#include <image/sheet.hpp>

using namespace saddle::worker;
namespace fs = std::filesystem;

namespace {

// As libpng reads it back.
at::Tensor libpng_reads(const fs::path& file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_file(&image, file.c_str()));
  const int64_t channels = image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
  image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  at::Tensor pixels = at::empty({image.height, image.width, channels}, at::kByte);
  REQUIRE(png_image_finish_read(&image, nullptr, pixels.data_ptr(), 0, nullptr));
  return pixels;
}

fs::path temporary(const char* name) {
  return fs::temp_directory_path() / ("saddle-" + std::to_string(getpid()) + name);
}

}  // namespace

TEST_CASE("bytes survive the way to networks and back") {
  const at::Tensor bytes = at::arange(256, at::kByte);
  CHECK(at::equal(to_uint8(bytes.to(at::kFloat).div(127.5).sub(1)), bytes));
}

TEST_CASE("what is beyond -1 and 1 is clamped, what is no number is grey") {
  const float inf = std::numeric_limits<float>::infinity();
  const at::Tensor x = at::tensor({-3.0f, 3.0f, -inf, inf, std::nanf("")});
  CHECK(at::equal(to_uint8(x), at::tensor({0, 255, 0, 255, 128}, at::kByte)));
}

TEST_CASE("a PNG holds the pixels it was given") {
  const int64_t channels = GENERATE(1, 3);
  const at::Tensor image = at::randint(256, {5, 7, channels}, at::kByte);
  const fs::path file = temporary(".png");
  // Any strides.
  write_png(file, image.permute({2, 0, 1}).contiguous().permute({1, 2, 0}));
  CHECK(at::equal(libpng_reads(file), image));
  fs::remove(file);
}

TEST_CASE("a PNG that cannot be written is an error with its path, and nothing is left") {
  const at::Tensor image = at::zeros({2, 2, 1}, at::kByte);
  const fs::path nowhere = temporary("-missing") / "a.png";
  CHECK_THROWS_WITH(write_png(nowhere, image),
                    Catch::Matchers::Contains(nowhere.string()) && Catch::Matchers::Contains("No such file"));
  CHECK_THROWS_AS(write_png(temporary(".png"), image.to(at::kFloat)), saddle::Error);
  CHECK_THROWS_AS(write_png(temporary(".png"), at::zeros({2, 2, 2}, at::kByte)), saddle::Error);
  CHECK_FALSE(fs::exists(temporary(".png")));
}

TEST_CASE("a sheet has every picture in its place, between white gaps") {
  const int64_t side = 32;
  at::Tensor pictures = at::empty({5, 3, side, side}, at::kByte);
  for (int64_t i = 0; i < 5; ++i) pictures[i].fill_(10 * (i + 1));
  const at::Tensor page = sheet(pictures, 2);
  REQUIRE(page.sizes() == at::IntArrayRef({3 * 34 + 2, 2 * 34 + 2, 3}));
  for (int64_t i = 0; i < 5; ++i) {
    const at::Tensor tile =
        page.slice(0, 2 + i / 2 * 34, 34 + i / 2 * 34).slice(1, 2 + i % 2 * 34, 34 + i % 2 * 34);
    CHECK(tile.eq(10 * (i + 1)).all().item<bool>());
  }
  CHECK(page.slice(0, 0, 2).eq(255).all().item<bool>());
  CHECK(page.slice(1, 34, 36).eq(255).all().item<bool>());
  CHECK(page.slice(0, 70, 104).slice(1, 36).eq(255).all().item<bool>());  // the sixth place is empty
}

TEST_CASE("tiny pictures are enlarged by a whole factor") {
  const at::Tensor pictures = at::randint(256, {1, 1, 12, 20}, at::kByte);
  const at::Tensor page = sheet(pictures);
  REQUIRE(page.sizes() == at::IntArrayRef({12 * 3 + 4, 20 * 3 + 4, 1}));
  const at::Tensor tile = page.slice(0, 2, 38).slice(1, 2, 62);
  for (int64_t dy : {0, 2})
    for (int64_t dx : {0, 2})
      CHECK(at::equal(tile.slice(0, dy, 36, 3).slice(1, dx, 60, 3).select(2, 0), pictures[0][0]));
}

TEST_CASE("channels that are no colours stand side by side") {
  const at::Tensor pictures = at::randint(256, {1, 2, 32, 32}, at::kByte);
  const at::Tensor page = sheet(pictures);
  REQUIRE(page.sizes() == at::IntArrayRef({36, 68, 1}));
  CHECK(at::equal(page.slice(0, 2, 34).slice(1, 34, 66).select(2, 0), pictures[0][1]));
}

TEST_CASE("points are drawn where they are") {
  const at::Tensor real = at::tensor({-1.0f, -1.0f, 1.0f, 1.0f}).reshape({2, 2});
  const auto ink = [](const at::Tensor& page, int64_t y, int64_t x) {
    return page[y][x].min().item<int>() < 250;
  };
  const at::Tensor page = scatter(at::tensor({-1.0f, 1.0f, 0.0f, 0.0f}).reshape({2, 2}), real);
  // The real ones span the page but for a margin of 7.5 % a side; y grows upwards.
  const int64_t near = std::lround(399 * 0.15 / 2.3), far = 399 - near;
  CHECK(ink(page, near, near));  // (-1, 1)
  CHECK(ink(page, 200, 200));    // (0, 0)
  CHECK(ink(page, far, near));   // (-1, -1), real
  CHECK(ink(page, near, far));   // (1, 1), real
  CHECK_FALSE(ink(page, far, far));
  CHECK_FALSE(ink(page, 200, near));
}

TEST_CASE("points that are not finite or far away do not end the program") {
  const float inf = std::numeric_limits<float>::infinity();
  const at::Tensor odd = at::tensor({inf, 0.0f, std::nanf(""), 1.0f, 1e30f, -1e30f}).reshape({3, 2});
  const at::Tensor page = scatter(odd, at::zeros({3, 2}));
  CHECK(page.sizes() == at::IntArrayRef({400, 400, 3}));
  CHECK(scatter(odd.slice(0, 0, 2)).eq(255).all().item<bool>());
  CHECK(scatter(at::zeros({4, 1})).lt(250).any().item<bool>());
}

TEST_CASE("arrows lie on their points, along their directions, the longest an eighth of the page") {
  const auto ink = [](const at::Tensor& page, int64_t y, int64_t x) {
    return page[y][x].min().item<int>() < 250;
  };
  const at::Tensor points = at::tensor({0.0f, 0.0f, 1.0f, 1.0f, -1.0f, -1.0f}).reshape({3, 2});
  const at::Tensor along = at::tensor({3.0f, 0.0f, 0.0f, 1.5f, 0.0f, 0.0f}).reshape({3, 2});
  const at::Tensor page = arrows(points, along);
  const int64_t near = std::lround(399 * 0.15 / 2.3), far = 399 - near;
  CHECK(ink(page, 200, 200));
  CHECK(ink(page, 200, 245));  // 50 pixels to the right
  CHECK_FALSE(ink(page, 200, 255));
  CHECK_FALSE(ink(page, 200, 155));
  CHECK(ink(page, near - 20, far));  // 25 upwards
  CHECK_FALSE(ink(page, near + 20, far));
  CHECK_FALSE(ink(page, far - 20, near));  // no direction, no arrow
  CHECK(ink(page, far, near));
  CHECK_THROWS_WITH(arrows(at::zeros({3, 4}), at::zeros({3, 4})), Catch::Contains("points [n, 2]"));
  CHECK(arrows(points, at::zeros({3, 2})).lt(250).any().item<bool>());
}
