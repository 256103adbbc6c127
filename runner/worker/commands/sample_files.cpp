#include <algorithm>
#include <iostream>

#include <commands/sample_page.hpp>
#include <common/error.hpp>
#include <image/npz.hpp>
#include <image/sheet.hpp>
#include <train/safetensors.hpp>

namespace saddle::worker {
namespace {

// One PNG for each sample, numbered in order.
void write_folder(const std::filesystem::path& folder, const at::Tensor& images) {
  if (images.dim() != 4)
    throw Error(
        folder.string() +
        ": points cannot be a folder of pictures; write them to FILE.safetensors, FILE.npz or FILE.png");
  std::filesystem::create_directories(folder);
  const at::Tensor bytes = to_uint8(images).permute({0, 2, 3, 1});
  for (int64_t i = 0; i < bytes.size(0); ++i) {
    std::string number = std::to_string(i);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
    write_png(folder / (number + ".png"), bytes[i]);
  }
}

// Pictures as uint8 [n, height, width, channels], points as they are: what evaluation suites read.
void write_arrays(const std::filesystem::path& file, const Page& page) {
  const at::Tensor& x = page.batch.image;
  std::vector<std::pair<std::string, at::Tensor>> arrays = {
      {"arr_0", x.dim() == 4 ? to_uint8(x).permute({0, 2, 3, 1}) : x}};
  if (page.batch.label.defined()) arrays.emplace_back("arr_1", page.batch.label);
  for (const auto& [name, tensor] : page.beside)
    arrays.emplace_back(
        name, name == "nearest_image" && x.dim() == 4 ? to_uint8(tensor).permute({0, 1, 3, 4, 2}) : tensor);
  write_npz(file, arrays);
}

void write_picture(const std::filesystem::path& file, const Page& page, Game& game) {
  const at::Tensor& images = page.batch.image;
  const auto neighbours = page.beside.find("nearest_image");
  if (images.dim() == 2 && neighbours != page.beside.end())
    throw Error(file.string() +
                ": the neighbours of points are no picture; write them to FILE.npz or FILE.safetensors");
  if (neighbours != page.beside.end())
    // Each sample with its neighbours behind it.
    return write_png(file, picture_of(at::cat({images.unsqueeze(1), neighbours->second}, 1).flatten(0, 1),
                                      neighbours->second.size(1) + 1));
  const at::Tensor real = images.dim() == 2 ? game.data().take(2000).image : at::Tensor();
  write_png(file, picture_of(images, page.columns, real));
}

}  // namespace

void write_page(const std::filesystem::path& out, const Page& page, Game& game) {
  if (out.extension() == ".png") return write_picture(out, page, game);
  if (out.extension() == ".npz") return write_arrays(out, page);
  if (out.extension() != ".safetensors") return write_folder(out, page.batch.image);
  std::map<std::string, at::Tensor> tensors = {{"image", page.batch.image}};
  if (page.batch.label.defined()) tensors["label"] = page.batch.label;
  for (const auto& [name, tensor] : page.beside) tensors[name] = tensor.contiguous();
  train::write_safetensors(out, tensors);
}

void join_sheets(const Request& request) {
  const Trial trial = Trial::from_json(request.at("trial"));
  const Dataset dataset(trial.component("dataset", trial.config.at("dataset")),
                        own_parameters("dataset", trial.config.at("dataset")),
                        nlohmann::json{{"data_folder", data_folder()}});
  std::vector<at::Tensor> sheets;
  std::string steps;
  for (const Request& sheet : request.at("sheets")) {
    sheets.push_back(read_png(sheet.at("path").get<std::string>()));
    steps += (steps.empty() ? "" : ", ") + std::to_string(sheet.at("step").get<int64_t>());
  }
  const auto side = request.at("side").get<int64_t>();
  auto columns = request.at("columns").get<int64_t>();
  const std::string out = text(request, "out");
  if (dataset.info().shape.size() == 1) {
    std::vector<at::Tensor> tiles;
    for (const at::Tensor& sheet : sheets) tiles.push_back(sheet.permute({2, 0, 1}));
    write_png(out, sheet(at::stack(tiles), columns));
    std::cout << out << ": " << sheets.size() << " plots of " << trial.name << ", at steps " << steps << '\n';
    return;
  }
  columns = columns > 0 ? std::min(columns, side) : side;
  write_png(out, first_rows(sheets, side, columns));
  std::cout << out << ": " << columns << " samples of " << trial.name << " from the same z, at steps "
            << steps << '\n';
}

}  // namespace saddle::worker
