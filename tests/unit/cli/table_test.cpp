#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <sstream>

#include <cli/table.hpp>

using namespace saddle;
using namespace saddle::cli;

TEST_CASE("numbers have four significant digits") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(-0.0) == "0");
  CHECK(number_text(12) == "12");
  CHECK(number_text(1.23456) == "1.235");
  CHECK(number_text(-12.3456) == "-12.35");
  CHECK(number_text(0.00123456) == "0.001235");
  CHECK(number_text(0.000123456) == "0.0001235");
  CHECK(number_text(2e-4) == "0.0002");
  CHECK(number_text(1.25e-6) == "1.25e-06");
  CHECK(number_text(123456.7) == "123457");
  CHECK(number_text(1234567.8) == "1.235e+06");
  CHECK(number_text(std::nan("")) == "nan");
  CHECK(number_text(-std::numeric_limits<double>::infinity()) == "-inf");
}

TEST_CASE("exact numbers come back as they were") {
  for (const double value : {0.1, 1.0 / 3, 1e300, -2.5e-10, 5.0})
    CHECK(std::stod(exact_text(db::Value{value})) == value);
  CHECK(exact_text(db::Value{5.0}) == "5.0");
  CHECK(exact_text(db::Value{std::int64_t{5}}) == "5");
  CHECK(exact_text(db::Value{}).empty());
}

TEST_CASE("columns are aligned by what is seen, not by bytes") {
  Table table({{"name"}, {"n", true}});
  table.add({"Fréchet", "1"});
  table.add({"a\nb", "100"});
  std::ostringstream out;
  table.print(out, "  ");
  CHECK(out.str() == "  name       n\n  Fréchet    1\n  a b      100\n");
  std::ostringstream narrow;
  table.print(narrow, "", 9);
  CHECK(narrow.str() == "name    …\nFréchet …\na b     …\n");
  CHECK_THROWS_AS(table.add({"one"}), std::logic_error);
}

TEST_CASE("rows as JSON and CSV") {
  db::Rows rows{.columns = {"a", "b", "a"}};
  rows.rows.push_back({std::int64_t{1}, std::string("x, \"y\"\nz"), {}});
  rows.rows.push_back({std::nan(""), std::string("\xff"), 0.5});
  const OrderedJson json = to_json(rows);
  CHECK(json[0].dump() == R"({"a":1,"b":"x, \"y\"\nz","a:2":null})");
  CHECK(json[1]["a"].is_null());
  std::ostringstream text;
  CHECK_NOTHROW(print_json(text, json));
  std::ostringstream csv;
  print_csv(csv, rows);
  CHECK(csv.str() == "a,b,a\n1,\"x, \"\"y\"\"\nz\",\nnan,\xff,0.5\n");
}
