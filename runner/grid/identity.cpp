#include <grid/identity.hpp>

#include <charconv>

#include <common/sha256.hpp>

namespace saddle {
namespace {

void write(const Json& value, std::string& text) {
  if (value.is_object()) {
    text += '{';
    for (auto entry = value.begin(); entry != value.end(); ++entry) {  // std::map: sorted
      if (text.back() != '{') text += ',';
      text += Json(entry.key()).dump() + ':';
      write(entry.value(), text);
    }
    text += '}';
  } else if (value.is_array()) {
    text += '[';
    for (const Json& entry : value) {
      if (text.back() != '[') text += ',';
      write(entry, text);
    }
    text += ']';
  } else if (value.is_number_float()) {
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value.get<double>());
    const std::string number(digits, end);
    text += number.find_first_of(".e") == std::string::npos ? number + ".0" : number;
  } else {
    text += value.dump();
  }
}

}  // namespace

std::string canonical_json(const Json& value) {
  std::string text;
  write(value, text);
  return text;
}

std::string config_hash(const Json& identity) { return identity_hash(canonical_json(identity)); }

std::string identity_hash(const std::string& canonical) { return sha256(canonical); }

std::string trial_hash(const std::string& config_hash, std::int64_t seed) {
  return sha256(config_hash + std::to_string(seed));
}

}  // namespace saddle
