// Where tests find plugins and numbers, and put files of their own.
#pragma once
#include <catch2/catch.hpp>

#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../plain_host.hpp"

namespace test {
namespace fs = std::filesystem;
using nlohmann::json;
using Bytes = std::vector<uint8_t>;

inline std::string plugin(const std::string& name) {
  return std::string(SADDLE_TEST_PLUGINS) + "/dataset_" + name + ".so";
}

// A folder that is empty at first and gone at the end.
class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ = fs::temp_directory_path() /
            ("saddle-test-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }
  std::string string() const { return path_.string(); }

  void write(const std::string& name, const Bytes& bytes) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  void write(const std::string& name, const std::string& text) const {
    write(name, Bytes(text.begin(), text.end()));
  }
  void write_gz(const std::string& name, const Bytes& bytes) const {
    gzFile out = gzopen((path_ / name).c_str(), "wb");
    REQUIRE(gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size())) ==
            static_cast<int>(bytes.size()));
    REQUIRE(gzclose(out) == Z_OK);
  }
  void cut(const std::string& name, size_t bytes) const { fs::resize_file(path_ / name, bytes); }

 private:
  fs::path path_;
};

// What the data set says when it cannot be made; fails when it can.
inline std::string error(const std::string& name, const json& params, const json& facts = json::object()) {
  try {
    plain_host::Dataset dataset(plugin(name), params, facts);
  } catch (const std::runtime_error& e) {
    const std::string message = e.what();
    CHECK(message.find('\n') == std::string::npos);  // one clear line
    return message;
  }
  FAIL("no error");
  return {};
}

inline std::vector<int64_t> first(int64_t n) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(i);
  return all;
}

inline const json& reference() {
  static const json numbers =
      json::parse(std::ifstream(std::string(SADDLE_TEST_REFERENCE) + "/datasets_reference.json"));
  return numbers;
}

inline Bytes from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    count += 6;
    if (count >= 8) out.push_back(static_cast<uint8_t>(bits >> (count -= 8)));
  }
  return out;
}

}  // namespace test
