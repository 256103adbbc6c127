#include <cli/event_file.hpp>

#include <cstring>

#include <boost/crc.hpp>

namespace saddle::cli {
namespace {

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

// Wire types of Protocol Buffers.
enum { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

template <class Number>
std::string little_endian(Number value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(Number); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

template <class Bits, class Real>
Bits bits_of(Real value) {
  static_assert(sizeof(Bits) == sizeof(Real));
  Bits bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

std::string summary_event(double wall_time, std::int64_t step, const Message& value) {
  const Message summary = Message().bytes(1, value.text());
  Message event;
  event.real(1, wall_time);
  if (step != 0) event.number(2, static_cast<std::uint64_t>(step));
  return event.bytes(5, summary.text()).text();
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  Crc32c crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t sum = crc.checksum();
  return ((sum >> 15) | (sum << 17)) + 0xA282EAD8U;
}

std::string record(std::string_view data) {
  const std::string length = little_endian(static_cast<std::uint64_t>(data.size()));
  std::string bytes = length + little_endian(masked_crc32c(length));
  bytes += data;
  return bytes + little_endian(masked_crc32c(data));
}

void Message::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) text_ += static_cast<char>((value & 0x7F) | 0x80);
  text_ += static_cast<char>(value);
}

void Message::key(int field, int wire_type) { varint(static_cast<std::uint64_t>(field << 3 | wire_type)); }

Message& Message::number(int field, std::uint64_t value) {
  key(field, kVarint);
  varint(value);
  return *this;
}

Message& Message::real(int field, double value) {
  key(field, kFixed64);
  text_ += little_endian(bits_of<std::uint64_t>(value));
  return *this;
}

Message& Message::real32(int field, float value) {
  key(field, kFixed32);
  text_ += little_endian(bits_of<std::uint32_t>(value));
  return *this;
}

Message& Message::bytes(int field, std::string_view value) {
  key(field, kLength);
  varint(value.size());
  text_ += value;
  return *this;
}

std::string file_version_event(double wall_time) {
  return Message().real(1, wall_time).bytes(3, "brain.Event:2").text();
}

std::string scalar_event(double wall_time, std::int64_t step, std::string_view tag, double value) {
  return summary_event(wall_time, step, Message().bytes(1, tag).real32(2, static_cast<float>(value)));
}

std::string hparams_event(double wall_time, std::string_view tag, std::string_view data) {
  const Message plugin = Message().bytes(1, "hparams").bytes(2, data);
  const Message metadata = Message().bytes(1, plugin.text());
  // TensorBoard reads no summary without a value: an empty tensor of float.
  const Message tensor = Message().number(1, 1).bytes(2, "");
  return summary_event(wall_time, 0,
                       Message().bytes(1, tag).bytes(8, tensor.text()).bytes(9, metadata.text()));
}

}  // namespace saddle::cli
