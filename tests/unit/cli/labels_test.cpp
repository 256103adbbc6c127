#include <catch2/catch.hpp>

#include <cli/labels.hpp>

using namespace saddle;
using namespace saddle::cli;

namespace {

ConfigParams params(const std::string& json) {
  ConfigParams result;
  for (const db::Param& param : db::flatten_config(json)) result[param.path] = param.value;
  return result;
}

Distinctions distinguish_these(const std::map<std::string, ConfigParams>& configs) {
  return distinguish(ConfigTable(configs));
}

}  // namespace

TEST_CASE("only what differs is a title, with the shortest clear name") {
  const Distinctions d = distinguish_these({
      {"a",
       params(
           R"({"models":{"generator":{"use":"mlp","width":16},"discriminator":{"use":"mlp","width":16}},"train":{"batch":64}})")},
      {"b",
       params(
           R"({"models":{"generator":{"use":"mlp","width":32},"discriminator":{"use":"mlp","width":32}},"train":{"batch":128}})")},
  });
  CHECK(d.titles == std::vector<std::string>{"discriminator.width", "generator.width", "batch"});
  CHECK(d.cells.at("b") == std::vector<std::string>{"32", "32", "128"});
  CHECK(d.label("a") == "discriminator.width=16 generator.width=16 batch=64");
}

TEST_CASE("of two components it is their names that differ, not what only one of them has") {
  const Distinctions d = distinguish_these({
      {"a", params(R"({"models":{"generator":{"use":"dcgan","width":32,"depth":3}}})")},
      {"b", params(R"({"models":{"generator":{"use":"mlp","width":128,"layers":2}}})")},
  });
  CHECK(d.titles == std::vector<std::string>{"generator"});
  CHECK(d.label("b") == "generator=mlp");

  // Two of one kind with different widths: then the width matters too.
  const Distinctions more = distinguish_these({
      {"a", params(R"({"models":{"generator":{"use":"dcgan","width":32}}})")},
      {"b", params(R"({"models":{"generator":{"use":"dcgan","width":64}}})")},
      {"c", params(R"({"models":{"generator":{"use":"mlp","width":128}}})")},
  });
  CHECK(more.label("a") == "generator=dcgan generator.width=32");
  CHECK(more.label("c") == "generator=mlp generator.width=128");
}

TEST_CASE("a list of components is one thing") {
  const Distinctions d = distinguish_these({
      {"a", params(R"({"losses":[{"use":"hinge","weight":1.0,"margin":1.0}]})")},
      {"b", params(R"({"losses":[{"use":"ns","weight":1.0}]})")},
      {"c", params(R"({"losses":[{"use":"hinge","weight":1.0,"margin":1.0},{"use":"kdd","weight":0.5}]})")},
      {"d", params(R"({"losses":[{"use":"hinge","weight":1.0,"margin":1.0},{"use":"kdd","weight":2.0}]})")},
      {"e", params(R"({"losses":[]})")},
  });
  CHECK(d.titles == std::vector<std::string>{"losses"});
  CHECK(d.label("a") == "losses=hinge");
  CHECK(d.label("b") == "losses=ns");
  CHECK(d.label("c") == "losses=hinge+kdd(weight=0.5000)");
  CHECK(d.label("d") == "losses=hinge+kdd(weight=2)");
  CHECK(d.label("e") == "losses=none");
}

TEST_CASE("the same name in two places keeps as much of its path as it needs") {
  const Distinctions d = distinguish_these({
      {"a", params(R"({"models":{"generator":{"use":"mlp"}},"optimizers":{"generator":{"use":"adam"}}})")},
      {"b", params(R"({"models":{"generator":{"use":"dcgan"}},"optimizers":{"generator":{"use":"sgd"}}})")},
  });
  CHECK(d.titles == std::vector<std::string>{"models.generator", "optimizers.generator"});
}

TEST_CASE("a single config is named by its hash") {
  const Distinctions d = distinguish_these({{"0123456789", params(R"({"train":{"batch":64}})")}});
  CHECK(d.titles.empty());
  CHECK(d.label("0123456789") == "01234567");
}

TEST_CASE("a protocol is named by what tells it from the others") {
  const std::string a = R"({"features":"pixels","real":{"count":100}})",
                    b = R"({"features":"logit","real":{"count":100}})",
                    c = R"({"features":"logit","real":{"count":50},"half":true})";
  const auto labels = protocol_labels({a, b, c});
  CHECK(labels.at(a) == "features=pixels, real.count=100");
  CHECK(labels.at(c) == "features=logit, half=true, real.count=50");
  CHECK(protocol_labels({a}).at(a).empty());
  CHECK(protocol_labels({a, b}).at(b) == "features=logit");
}
