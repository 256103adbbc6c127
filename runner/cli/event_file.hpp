#pragma once
#include <cstdint>
#include <string>
#include <string_view>

// TensorBoard's event files, as far as scalars and hyper-parameters need them.
// Format: tensorflow/core/lib/io/record_writer.h and tensorboard's event.proto,
// summary.proto and plugins/hparams/plugin_data.proto.
namespace saddle::cli {

// CRC-32C (Castagnoli), as TensorFlow masks it: a CRC of data that holds CRCs is weak.
std::uint32_t masked_crc32c(std::string_view bytes);

// Length, its CRC, the data, its CRC; all little-endian.
std::string record(std::string_view data);

// Messages of Protocol Buffers, field by field.
class Message {
 public:
  Message& number(int field, std::uint64_t value);  // int32, int64, enum, bool
  Message& real(int field, double value);
  Message& real32(int field, float value);
  Message& bytes(int field, std::string_view value);  // string, bytes, a message
  const std::string& text() const { return text_; }

 private:
  void key(int field, int wire_type);
  void varint(std::uint64_t value);
  std::string text_;
};

// An event's text: what happened (a field of Event) at a time in seconds.
std::string file_version_event(double wall_time);
std::string scalar_event(double wall_time, std::int64_t step, std::string_view tag, double value);
// For the HParams page; `data` is the text of a HParamsPluginData.
std::string hparams_event(double wall_time, std::string_view tag, std::string_view data);

}  // namespace saddle::cli
