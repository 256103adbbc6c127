#include "train/safetensors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "common/error.hpp"
#include "common/json.hpp"
#include "common/nearest.hpp"

namespace saddle::train {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit

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

struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

// A count that the header gives as a non-negative JSON integer.
uint64_t count_of(const Json& value, const std::string& where) {
  if (!value.is_number_unsigned()) throw Error(where + ": found " + value.dump() + ", expected a count");
  return value.get<uint64_t>();
}

Entry parse_entry(const std::string& name, const Json& json, uint64_t data_bytes, const std::string& file) {
  const std::string where = file + ": tensor \"" + name + "\"";
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets"))
    throw Error(where + ": expected dtype, shape and data_offsets");
  const Json &dtype = json["dtype"], &shape = json["shape"], &offsets = json["data_offsets"];
  const auto known = std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const Dtype& d) {
    return dtype.is_string() && dtype.get_ref<const std::string&>() == d.name;
  });
  if (known == std::end(kDtypes))
    throw Error(where + ": dtype " + dtype.dump() + " is not among F64 F32 F16 BF16 I64 I32 U8 BOOL");
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    throw Error(where + ": expected a list of sizes and two offsets");
  Entry entry{name, known->type, {}, count_of(offsets[0], where), count_of(offsets[1], where)};
  if (entry.begin > entry.end || entry.end > data_bytes)
    throw Error(where + ": offsets " + offsets.dump() + " lie outside the " + std::to_string(data_bytes) +
                " bytes of data");
  uint64_t bytes = c10::elementSize(entry.type);
  for (const Json& size : shape) {
    const uint64_t n = count_of(size, where);
    if (n > INT64_MAX || __builtin_mul_overflow(bytes, n, &bytes) || bytes > INT64_MAX)
      throw Error(where + ": shape " + shape.dump() + " is too large");
    entry.shape.push_back(static_cast<int64_t>(n));
  }
  if (bytes != entry.end - entry.begin)
    throw Error(where + ": " + std::to_string(entry.end - entry.begin) + " bytes of data, but dtype " +
                known->name + " and shape " + shape.dump() + " make " + std::to_string(bytes));
  return entry;
}

std::vector<Entry> parse_header(const Json& header, uint64_t data_bytes, const std::string& file,
                                std::map<std::string, std::string>& metadata) {
  if (!header.is_object()) throw Error(file + ": the header is not a JSON object");
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(name, value, data_bytes, file));
      continue;
    }
    if (!value.is_object()) throw Error(file + ": __metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) throw Error(file + ": __metadata__ \"" + key + "\" is not a text");
      metadata[key] = text.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != expected)
      throw Error(file + ": tensor \"" + entry.name + "\" " +
                  (entry.begin < expected ? "overlaps another" : "leaves a gap before it"));
    expected = entry.end;
  }
  if (expected != data_bytes)
    throw Error(file + ": " + std::to_string(data_bytes - expected) + " bytes after the last tensor");
  return entries;
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
  std::vector<Entry> entries;
  std::vector<std::string> names;
  std::map<std::string, std::string> metadata;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : contents_(std::make_unique<Contents>(path)) {
  Contents& c = *contents_;
  if (c.size < 8)
    throw Error(c.path + ": " + std::to_string(c.size) + " bytes are too few for a safetensors file");
  uint64_t header_bytes = 0;
  c.file.read(&header_bytes, 8, 0);
  if (header_bytes > c.size - 8)
    throw Error(c.path + ": not a safetensors file, or cut short: the header should have " +
                std::to_string(header_bytes) + " bytes, " + std::to_string(c.size - 8) + " are left");
  if (header_bytes > kMaxHeaderBytes) throw Error(c.path + ": the header is larger than 100 MB");
  std::string header(header_bytes, '\0');
  c.file.read(header.data(), header_bytes, 8);
  const Document document = Document::parse(std::move(header), c.path + " (header)");
  c.data_begin = 8 + header_bytes;
  c.entries = parse_header(document.root(), c.size - c.data_begin, c.path, c.metadata);
  for (const Entry& entry : c.entries) c.names.push_back(entry.name);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;

const std::vector<std::string>& SafetensorsFile::names() const { return contents_->names; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return contents_->metadata; }

at::Tensor SafetensorsFile::read(const std::string& name) const {
  const Contents& c = *contents_;
  const auto entry = std::find_if(c.entries.begin(), c.entries.end(),
                                  [&](const Entry& candidate) { return candidate.name == name; });
  if (entry == c.entries.end())
    throw Error(c.path + ": has no tensor \"" + name + "\". " + suggestion(name, c.names));
  at::Tensor tensor = at::empty(entry->shape, entry->type);
  c.file.read(tensor.data_ptr(), entry->end - entry->begin, c.data_begin + entry->begin);
  if (entry->type == at::kBool) {
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
