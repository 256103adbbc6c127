#include <array>
#include <cstdio>

#include <cli/sheet.hpp>

namespace saddle::cli {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

std::string hex(Colour colour) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", colour.red, colour.green, colour.blue);
  return text.data();
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

class SvgSheet : public Sheet {
 public:
  SvgSheet(int width, int height) {
    const std::string size = std::to_string(width) + "\" height=\"" + std::to_string(height);
    body_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + "\" viewBox=\"0 0 " +
            std::to_string(width) + " " + std::to_string(height) + "\" font-family=\"sans-serif\">\n" +
            "<rect width=\"" + size + "\" fill=\"#ffffff\"/>\n";
  }

  void line(const std::vector<Spot>& spots, double width, Colour colour) override {
    body_ += "<polyline fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\" stroke=\"" +
             hex(colour) + "\" stroke-width=\"" + number(width) + "\" points=\"";
    for (const Spot& spot : spots) body_ += number(spot.x) + "," + number(spot.y) + " ";
    body_ += "\"/>\n";
  }

  void text(Spot at, const std::string& text, double size, Anchor anchor, Colour colour) override {
    const char* side = anchor == Anchor::left ? "start" : anchor == Anchor::middle ? "middle" : "end";
    body_ += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y) + "\" font-size=\"" + number(size) +
             "\" text-anchor=\"" + side + "\" fill=\"" + hex(colour) + "\">" + escaped(text) + "</text>\n";
  }

  std::string bytes() const override { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

}  // namespace

std::unique_ptr<Sheet> make_svg_sheet(int width, int height) {
  return std::make_unique<SvgSheet>(width, height);
}

}  // namespace saddle::cli
