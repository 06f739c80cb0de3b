#include "json/edit.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/random.h"

using namespace sake;
using json::Document;
using json::ObjectWriter;
using json::Pieces;
using json::Value;

namespace {

std::string text_of(const Pieces& pieces) {
  std::string text;
  for (std::string_view piece : pieces) text.append(piece);
  return text;
}

nlohmann::json oracle(std::string_view text) { return nlohmann::json::parse(text.begin(), text.end()); }

/// A document that owns its text.
struct Parsed {
  explicit Parsed(std::string_view source) : text(source) {
    const Status status = document.parse(text, json::nesting_max);
    REQUIRE_MESSAGE(status.ok(), text);
  }
  Value root() const { return document.root(); }

  std::string text;
  Document document;
};

std::string with(std::string_view object, std::initializer_list<json::Field> fields) {
  const Parsed parsed(object);
  base::Arena arena;
  Pieces pieces;
  json::write_with(pieces, arena, parsed.root(), fields);
  return text_of(pieces);
}

std::string merged(std::string_view base, std::string_view change) {
  const Parsed first(base);
  const Parsed second(change);
  Pieces pieces;
  ObjectWriter out(pieces);
  json::write_merged(out, first.root(), second.root(), [](Value) { return true; });
  out.close();
  return text_of(pieces);
}

/// An object of few keys, so that two of them have some in common. Some keys are written with escapes.
std::string some_object(test::Random& random) {
  static constexpr std::string_view keys[] = {R"("a")", R"("b")", R"("\u0061")", R"("guild_id")", R"("gu\u0069ld_id")",
                                              R"("\"")"};
  static constexpr std::string_view values[] = {"1", "null", R"("x")", R"({"a":[1,2]})", "[]", R"("\u0041")"};
  std::string text = "{";
  for (std::size_t count = random.below(6), i = 0; i < count; ++i) {
    if (i > 0) text += ',';
    text += keys[random.below(std::size(keys))];
    text += random.one_in(3) ? " : " : ":";
    text += values[random.below(std::size(values))];
    if (random.one_in(3)) text += ' ';
  }
  return text + "}";
}

}  // namespace

TEST_CASE("an object written member by member is what its members say") {
  Pieces pieces;
  ObjectWriter out(pieces);
  out.members("\"a\":1");
  out.members("");
  out.members("\"b\":2,\"c\":3");
  out.close();
  CHECK(text_of(pieces) == R"({"a":1,"b":2,"c":3})");

  pieces.clear();
  ObjectWriter empty(pieces);
  empty.close();
  CHECK(text_of(pieces) == "{}");
}

TEST_CASE("members are taken over as they were sent, and neighbours in one piece") {
  const Parsed parsed(R"({ "a" : 1 , "b":[ 2 ],"c":3,"d":{ } ,"e":"x" })");
  Pieces pieces;
  ObjectWriter out(pieces);
  out.members_of(parsed.root(), [](Value member) { return !member.key_equals("c"); });
  out.close();
  CHECK(text_of(pieces) == R"({"a" : 1 , "b":[ 2 ],"d":{ } ,"e":"x"})");
  CHECK(pieces.size() == 5);  // {, a and b, a comma, d and e, }

  pieces.clear();
  ObjectWriter none(pieces);
  none.members_of(parsed.root(), [](Value) { return false; });
  none.members_of({}, [](Value) { return true; });
  none.close();
  CHECK(text_of(pieces) == "{}");
}

TEST_CASE("fields take the place of those of the same name, however often and with whatever escapes those were sent") {
  CHECK(oracle(with(R"({"a":1,"b":2})", {{"b", "3"}})) == oracle(R"({"a":1,"b":3})"));
  CHECK(oracle(with(R"({"a":1})", {{"b", "\"x\""}})) == oracle(R"({"a":1,"b":"x"})"));
  CHECK(with("{}", {{"a", "1"}, {"b", "2"}}) == R"({"a":1,"b":2})");
  CHECK(with(R"({"a":1,"a":2,"\u0061":3})", {{"a", "4"}}) == R"({"a":4})");
  // An empty value leaves the field out.
  CHECK(with(R"({"a":1,"b":2})", {{"a", ""}}) == R"({"b":2})");
  CHECK(with(R"({"a":1})", {{"a", ""}}) == "{}");
}

TEST_CASE("merging gives what an update of the parsed objects gives") {
  test::Random random(4);
  for (int i = 0; i < 1000; ++i) {
    const std::string base = some_object(random);
    const std::string change = some_object(random);
    CAPTURE(base);
    CAPTURE(change);
    nlohmann::json expected = oracle(base);
    expected.update(oracle(change));
    REQUIRE(oracle(merged(base, change)) == expected);
  }
}

TEST_CASE("fields written into an object are what an update of the parsed object gives") {
  test::Random random(5);
  for (int i = 0; i < 1000; ++i) {
    const std::string object = some_object(random);
    CAPTURE(object);
    nlohmann::json expected = oracle(object);
    expected.update({{"guild_id", "7"}, {"b", nullptr}});
    REQUIRE(oracle(with(object, {{"guild_id", "\"7\""}, {"b", "null"}})) == expected);
  }
}

TEST_CASE("what a merge leaves out of the change stays as it was") {
  const Parsed base(R"({"tts":true,"content":"a","x":1})");
  const Parsed change(R"({"tts":false,"content":"b","guild_id":null})");
  Pieces pieces;
  ObjectWriter out(pieces);
  json::write_merged(out, base.root(), change.root(), [](Value member) {
    return !json::key_in(member, {"tts", "guild_id"});
  });
  out.close();
  CHECK(oracle(text_of(pieces)) == oracle(R"({"tts":true,"content":"b","x":1})"));
}

TEST_CASE("either side of a merge may be missing") {
  const Parsed object(R"({"a":1})");
  for (const bool first : {true, false}) {
    Pieces pieces;
    ObjectWriter out(pieces);
    json::write_merged(out, first ? object.root() : Value(), first ? Value() : object.root(),
                       [](Value) { return true; });
    out.close();
    CHECK(text_of(pieces) == R"({"a":1})");
  }
  Pieces pieces;
  ObjectWriter out(pieces);
  json::write_merged(out, {}, {}, [](Value) { return true; });
  out.close();
  CHECK(text_of(pieces) == "{}");
}

TEST_CASE("two objects have a key in common when it reads the same") {
  const Parsed left(R"({"id":1,"gu\u0069ld_id":2,"name":3})");
  const Parsed right(R"({"\u0069d":1,"guild_id":2})");
  const auto common = [](const Parsed& object, const Parsed& other) {
    std::string keys;
    for (Value member : other.root().children())
      if (json::has_key_of(object.root(), member)) keys += member.key() + ";";
    return keys;
  };
  CHECK(common(left, right) == "id;guild_id;");
  CHECK(common(right, left) == "id;guild_id;");
  CHECK(json::key_in(left.root()["guild_id"], {"id", "guild_id"}));
  CHECK_FALSE(json::key_in(left.root()["guild_id"], {"id", "guild"}));
}

TEST_CASE("pieces become one text in the arena") {
  base::Arena arena;
  CHECK(json::joined(arena, {"ab", "", "c"}) == "abc");
  CHECK(json::joined(arena, {"", ""}).empty());
  const std::string large(10'000, 'x');
  CHECK(json::joined(arena, {large, "y"}) == large + "y");
}
