// make_check_data FOLDER: small files in the formats of the bundled data sets, where those look for them.
#include <hdf5.h>
#include <matio.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../plugins/datasets/lmdb.hpp"

namespace {
namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;
fs::path root;

void write(const std::string& name, const std::string& text) {
  fs::create_directories((root / name).parent_path());
  std::ofstream(root / name, std::ios::binary) << text;
}
void write(const std::string& name, const Bytes& bytes) {
  write(name, std::string(bytes.begin(), bytes.end()));
}

Bytes counting(size_t n, int first = 0) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(static_cast<size_t>(first) + i * 7 % 251);
  return bytes;
}

void cifar10() {
  const auto batch = [](int first) {
    Bytes out;
    for (int i = 0; i < 3; ++i) {
      const Bytes pixels = counting(3072, first + i);
      out.push_back(static_cast<uint8_t>((first + i) % 10));
      out.insert(out.end(), pixels.begin(), pixels.end());
    }
    return out;
  };
  for (int b = 1; b <= 5; ++b) write("cifar10/data_batch_" + std::to_string(b) + ".bin", batch(3 * b));
  write("cifar10/test_batch.bin", batch(50));
}

void idx() {
  const auto array = [](const Bytes& sizes, const Bytes& data) {
    Bytes out = {0, 0, 8, static_cast<uint8_t>(sizes.size())};
    for (const uint8_t n : sizes) out.insert(out.end(), {0, 0, 0, n});
    out.insert(out.end(), data.begin(), data.end());
    return out;
  };
  write("mnist/train-images-idx3-ubyte", array({20, 6, 5}, counting(20 * 30)));
  write("mnist/train-labels-idx1-ubyte", array({20}, Bytes(20, 1)));
  write("mnist/t10k-images-idx3-ubyte", array({4, 6, 5}, counting(4 * 30)));
  write("mnist/t10k-labels-idx1-ubyte", array({4}, Bytes(4, 2)));
}

void stl10() {
  const size_t picture = 3 * 96 * 96;
  write("stl10/train_X.bin", counting(3 * picture));
  write("stl10/train_y.bin", Bytes{1, 10, 5});
  write("stl10/test_X.bin", counting(2 * picture, 9));
  write("stl10/test_y.bin", Bytes{2, 3});
  write("stl10/unlabeled_X.bin", counting(2 * picture, 5));
}

void svhn(const std::string& name, Bytes labels) {
  fs::create_directories(root / "svhn");
  Bytes pixels = counting(32 * 32 * 3 * labels.size());
  mat_t* out = Mat_CreateVer((root / "svhn" / name).c_str(), nullptr, MAT_FT_MAT5);
  size_t sizes[] = {32, 32, 3, labels.size()}, label_sizes[] = {labels.size(), 1};
  matvar_t* x = Mat_VarCreate("X", MAT_C_UINT8, MAT_T_UINT8, 4, sizes, pixels.data(), 0);
  matvar_t* y = Mat_VarCreate("y", MAT_C_UINT8, MAT_T_UINT8, 2, label_sizes, labels.data(), 0);
  Mat_VarWrite(out, x, MAT_COMPRESSION_NONE);
  Mat_VarWrite(out, y, MAT_COMPRESSION_NONE);
  Mat_VarFree(x);
  Mat_VarFree(y);
  Mat_Close(out);
}

void hdf5() {
  const hsize_t sizes[] = {6, 3, 8, 8};
  const int64_t labels[] = {0, 1, 2, 0, 1, 2};
  const Bytes pixels = counting(6 * 3 * 8 * 8);
  const hid_t file = H5Fcreate((root / "set.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(4, sizes, nullptr), line = H5Screate_simple(1, sizes, nullptr);
  const hid_t x = H5Dcreate2(file, "imgs", H5T_NATIVE_UINT8, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t y = H5Dcreate2(file, "labels", H5T_NATIVE_INT64, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(x, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels.data());
  H5Dwrite(y, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
  H5Dclose(x);
  H5Dclose(y);
  H5Sclose(space);
  H5Sclose(line);
  H5Fclose(file);
}

void safetensors() {
  const nlohmann::json header = {
      {"images", {{"dtype", "U8"}, {"shape", {5, 3, 4, 4}}, {"data_offsets", {0, 240}}}},
      {"labels", {{"dtype", "U8"}, {"shape", {5}}, {"data_offsets", {240, 245}}}}};
  const std::string text = header.dump();
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(text.size() >> (8 * i));
  const Bytes pixels = counting(240);
  out += text + std::string(pixels.begin(), pixels.end()) + std::string("\0\1\2\0\1", 5);
  write("set.safetensors", out);
}

std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    count += 6;
    if (count >= 8) out.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return out;
}

void pictures(const std::string& reference) {
  const auto list = nlohmann::json::parse(std::ifstream(reference)).at("pictures");
  const auto picture = [&](size_t i) { return from_base64(list.at(i).at("file")); };
  const auto bytes = [&](size_t i) {
    const std::string file = picture(i);
    return Bytes(file.begin(), file.end());
  };
  for (const char* where : {"folder/cats/a.png", "folder/cats/b.png", "folder/dogs/c.png"})
    write(where, picture(0));
  write("folder/dogs/d.jpg", picture(6));
  const std::string tiny = "tiny-imagenet-200/";
  write(tiny + "wnids.txt", "n02\nn01\n");
  write(tiny + "train/n01/images/n01_0.JPEG", picture(6));
  write(tiny + "train/n02/images/n02_0.JPEG", picture(8));
  write(tiny + "val/images/val_0.JPEG", picture(6));
  test::write_lmdb(root / "lsun/church_outdoor_train_lmdb",
                   {{"0a", bytes(0)}, {"0b", bytes(6)}, {"0c", bytes(8)}});
  write(tiny + "val/val_annotations.txt", "val_0.JPEG\tn02\t0\t32\t44\t62\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_check_data FOLDER REFERENCE.json\n";
    return 2;
  }
  root = argv[1];
  fs::remove_all(root);
  fs::create_directories(root);
  cifar10();
  idx();
  stl10();
  svhn("train_32x32.mat", {1, 10, 4});
  svhn("test_32x32.mat", {9, 2});
  hdf5();
  safetensors();
  pictures(argv[2]);
}
