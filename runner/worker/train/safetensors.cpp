#include "train/safetensors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/error.hpp"
#include "common/json.hpp"
#include "common/nearest.hpp"
#include "common/safetensors.hpp"

namespace saddle::train {
namespace {

struct Dtype {
  const char* name;
  at::ScalarType type;
};
constexpr Dtype kDtypes[] = {{"F64", at::kDouble},    {"F32", at::kFloat}, {"F16", at::kHalf},
                             {"BF16", at::kBFloat16}, {"I64", at::kLong},  {"I32", at::kInt},
                             {"U8", at::kByte},       {"BOOL", at::kBool}};

// A file descriptor that closes itself; every failure names the file.
class File {
 public:
  File(const std::filesystem::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags, 0644)) {
    if (fd_ < 0) fail(flags & O_CREAT ? "cannot be created" : "cannot be opened");
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  uint64_t size() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail("cannot be read");
    if (!S_ISREG(status.st_mode)) throw Error(path_.string() + ": not a regular file");
    return static_cast<uint64_t>(status.st_size);
  }
  void read(void* to, uint64_t bytes, uint64_t offset) const {
    for (uint64_t done = 0; done < bytes;) {
      const ssize_t n =
          ::pread(fd_, static_cast<char*>(to) + done, std::min<uint64_t>(bytes - done, 1u << 30),
                  static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be read");
      if (n == 0) throw Error(path_.string() + ": the file became shorter while it was read");
      done += static_cast<uint64_t>(n);
    }
  }
  void write(const void* from, uint64_t bytes) {
    for (uint64_t done = 0; done < bytes;) {
      const ssize_t n =
          ::write(fd_, static_cast<const char*>(from) + done, std::min<uint64_t>(bytes - done, 1u << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      done += static_cast<uint64_t>(n);
    }
  }
  void finish() {
    if (::fsync(fd_) != 0) fail("cannot be written");
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) fail("cannot be written");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(path_.string() + ": " + what + ": " + std::strerror(errno), kEnvironment);
  }
  std::filesystem::path path_;
  int fd_;
};

at::ScalarType type_of(const SafetensorsEntry& entry) {
  for (const Dtype& d : kDtypes)
    if (entry.dtype == d.name) return d.type;
  throw Error("dtype " + entry.dtype + " has no type here");
}

const char* dtype_name(const at::Tensor& tensor, const std::string& name) {
  for (const Dtype& d : kDtypes)
    if (d.type == tensor.scalar_type()) return d.name;
  throw Error("tensor \"" + name + "\": " + std::string(c10::toString(tensor.scalar_type())) +
              " cannot be stored in a safetensors file");
}

}  // namespace

struct SafetensorsFile::Contents {
  explicit Contents(const std::filesystem::path& p)
      : path(p.string()), file(p, O_RDONLY | O_CLOEXEC), size(file.size()) {}

  std::string path;
  File file;
  uint64_t size, data_begin = 0;
  SafetensorsHeader header;
  std::vector<std::string> names;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : contents_(std::make_unique<Contents>(path)) {
  Contents& c = *contents_;
  char first[8] = {};
  c.file.read(first, std::min<uint64_t>(c.size, sizeof first), 0);
  const uint64_t header_bytes = safetensors_header_bytes(first, c.size, c.path);
  std::string header(header_bytes, '\0');
  c.file.read(header.data(), header_bytes, 8);
  c.data_begin = 8 + header_bytes;
  c.header = read_safetensors_header(std::move(header), c.size - c.data_begin, c.path);
  for (const SafetensorsEntry& entry : c.header.entries) c.names.push_back(entry.name);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;

const std::vector<std::string>& SafetensorsFile::names() const { return contents_->names; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return contents_->header.metadata;
}

at::Tensor SafetensorsFile::read(const std::string& name) const {
  const Contents& c = *contents_;
  const auto& entries = c.header.entries;
  const auto entry =
      std::find_if(entries.begin(), entries.end(), [&](const SafetensorsEntry& e) { return e.name == name; });
  if (entry == entries.end())
    throw Error(c.path + ": has no tensor \"" + name + "\". " + suggestion(name, c.names));
  at::Tensor tensor = at::empty(entry->shape, type_of(*entry));
  c.file.read(tensor.data_ptr(), entry->end - entry->begin, c.data_begin + entry->begin);
  if (tensor.scalar_type() == at::kBool) {
    const auto* bytes = static_cast<const unsigned char*>(tensor.data_ptr());
    if (std::any_of(bytes, bytes + tensor.numel(), [](unsigned char b) { return b > 1; }))
      throw Error(c.path + ": tensor \"" + name + "\": a BOOL that is neither 0 nor 1");
  }
  return tensor;
}

Safetensors read_safetensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  Safetensors result;
  result.metadata = file.metadata();
  for (const std::string& name : file.names()) result.tensors.emplace(name, file.read(name));
  return result;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, at::Tensor>> ordered;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") throw Error("a tensor cannot be named __metadata__");
    ordered.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  // Wide dtypes first keeps every tensor aligned; then by name.
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : ordered) {
    const uint64_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", dtype_name(tensor, name)},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw Error(path.string() + ": a tensor's name or a metadata text is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::filesystem::path temporary = path.string() + ".tmp";
  try {
    File file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    const uint64_t header_bytes = text.size();
    file.write(&header_bytes, 8);
    file.write(text.data(), text.size());
    for (const auto& [name, tensor] : ordered) file.write(tensor.data_ptr(), tensor.nbytes());
    file.finish();
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    throw Error(path.string() + ": cannot be replaced: " + std::strerror(reason), kEnvironment);
  }
  // The rename itself should reach the disk, too; file systems that cannot sync a folder have nothing to wait
  // for.
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace saddle::train
