#include <image/png.hpp>

#include <ATen/ATen.h>
#include <png.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <common/error.hpp>

namespace saddle::worker {
namespace {

// libpng's simplified interface: errors are return values, so no longjmp crosses C++.
std::vector<char> encode(const at::Tensor& image, const std::string& name) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  description.height = static_cast<png_uint_32>(image.size(0));
  description.width = static_cast<png_uint_32>(image.size(1));
  description.format = image.size(2) == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(description);
  std::vector<char> out(bytes);
  const int done =
      png_image_write_to_memory(&description, out.data(), &bytes, 0, image.const_data_ptr(), 0, nullptr);
  if (!done) throw Error(name + ": cannot be encoded as PNG: " + description.message);
  out.resize(bytes);
  return out;
}

}  // namespace

void write_png(const std::filesystem::path& file, const at::Tensor& image) {
  if (image.scalar_type() != at::kByte || image.dim() != 3 || (image.size(2) != 1 && image.size(2) != 3) ||
      image.numel() == 0)
    throw Error(file.string() + ": a PNG is made of uint8 [height, width, 1 or 3]");
  const std::vector<char> bytes = encode(image.to(at::kCPU).contiguous(), file.string());
  std::filesystem::path temporary = file;
  temporary += ".tmp";
  std::ofstream out(temporary, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code error;
  if (!out) error.assign(errno, std::generic_category());
  if (!error) std::filesystem::rename(temporary, file, error);
  if (error) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw Error(file.string() + ": cannot be written: " + error.message(), kEnvironment);
  }
}

at::Tensor read_png(const std::filesystem::path& file) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  const auto fail = [&] {
    const std::string message = description.message;
    png_image_free(&description);
    throw Error(file.string() + ": cannot be read as PNG: " + message);
  };
  if (!png_image_begin_read_from_file(&description, file.c_str())) fail();
  const bool colour = (description.format & PNG_FORMAT_FLAG_COLOR) != 0;
  description.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  at::Tensor image = at::empty({description.height, description.width, colour ? 3 : 1}, at::kByte);
  if (!png_image_finish_read(&description, nullptr, image.data_ptr(), 0, nullptr)) fail();
  return image;
}

}  // namespace saddle::worker
