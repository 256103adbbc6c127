#include <catch2/catch.hpp>

#include <limits>

#include <cli/event_file.hpp>
#include <common/paths.hpp>

using namespace saddle;
using namespace saddle::cli;

TEST_CASE("masked CRC-32C of the test vectors of RFC 3720") {
  const auto masked = [](std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U; };
  CHECK(masked_crc32c("123456789") == masked(0xE3069283U));
  CHECK(masked_crc32c(std::string(32, '\0')) == masked(0x8A9136AAU));
  CHECK(masked_crc32c(std::string(32, '\xFF')) == masked(0x62A8AB43U));
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(masked_crc32c(rising) == masked(0x46DD794EU));
  CHECK(masked_crc32c("") == 0xA282EAD8U);
}

// tests/reference/events.py
TEST_CASE("an event file is what TensorBoard itself writes") {
  const Message value = Message().real(2, 0.001);
  const Message start = Message()
                            .bytes(1, Message().bytes(1, "lr").bytes(2, value.text()).text())
                            .bytes(4, "0001-hinge-s1")
                            .real(5, 1.25);
  const std::string ours =
      record(file_version_event(1.25)) +
      record(hparams_event(1.25, "_hparams_/session_start_info", Message().bytes(3, start.text()).text())) +
      record(scalar_event(1.25, 0, "frechet/noise", 39.3046)) +
      record(scalar_event(1.5, 200, "frechet", std::numeric_limits<double>::quiet_NaN())) +
      record(scalar_event(1790000000.5, std::int64_t{1} << 40, "generator/hinge/fake",
                          -std::numeric_limits<double>::infinity()));
  const std::string theirs = read_file(SADDLE_REFERENCE "/events.tfevents");
  CHECK(ours.size() == theirs.size());
  CHECK(ours == theirs);
}
