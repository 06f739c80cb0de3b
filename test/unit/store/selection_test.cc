#include "store/selection.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "store/write_batch.h"

using namespace sake;
using namespace sake::store;

namespace {

Selection selection_of(Options options) {
  auto selection = Selection::make(options);
  REQUIRE(selection);
  return std::move(selection).value();
}

template <typename Key>
std::string stored(const Selection& selection, Resource resource, Key key, std::string_view value) {
  WriteBatch batch;
  batch.select_by(selection);
  const Op& op = batch.set(resource, key, [&](json::Pieces& pieces) {
    pieces.push_back(value.substr(0, 1));  // A value is rarely one piece.
    pieces.push_back(value.substr(1));
  });
  std::string text;
  for (std::uint32_t i = 0; i < op.pieces; ++i) text += batch.piece(op.first_piece + i);
  return text;
}

}  // namespace

TEST_CASE("the type of channels and threads is always stored, since what becomes of them hangs on it") {
  for (Resource resource : {Resource::channel, Resource::thread, Resource::sticker}) {
    const Selection selection = selection_of({.keep_fields = {{resource, {"name"}}}});
    CHECK(stored(selection, resource, 1, R"({"id":"1","type":12,"name":"n","topic":"t"})") ==
          (resource == Resource::sticker ? R"({"id":"1","name":"n"})" : R"({"id":"1","type":12,"name":"n"})"));
  }
}

TEST_CASE("a resource that nothing was said about is stored as it is") {
  const Selection selection = selection_of({.drop_fields = {{Resource::message, {"embeds"}}}});
  CHECK_FALSE(selection.concerns(Resource::role));
  CHECK(stored(selection, Resource::role, 1, R"({"id":"1", "embeds":[]})") == R"({"id":"1", "embeds":[]})");
}

TEST_CASE("fields are kept as they were sent, and what is not named goes") {
  const Selection selection = selection_of({.keep_fields = {{Resource::role, {"name", "permissions", "absent"}}}});
  CHECK(
      stored(selection, Resource::role, 1,
             R"({"color":7,"id":"1","name":"a \u00e9, {","guild_id":"2","permissions" : "8","tags":{"bot_id":"3"}})") ==
      R"({"id":"1","name":"a \u00e9, {","guild_id":"2","permissions" : "8"})");
}

TEST_CASE("fields are dropped by name, whatever they hold, and however the key is written") {
  const Selection selection = selection_of({.drop_fields = {{Resource::message, {"embeds", "attachments"}}}});
  CHECK(stored(selection, Resource::message, 1, R"({"id":"1","embeds":[{"id":"9"}],"content":"x","attachments":[]})") ==
        R"({"id":"1","content":"x"})");
  CHECK(stored(selection, Resource::message, 1, R"({"\u0065mbeds":1,"content":"x"})") == R"({"content":"x"})");
  CHECK(stored(selection, Resource::message, 1, R"({"embeds":1})") == "{}");
}

TEST_CASE("what the engine needs stays, also where it is to be dropped") {
  const Selection none = selection_of({.keep_fields = {{Resource::member, {}}, {Resource::voice_state, {}}}});
  CHECK(stored(none, Resource::member, 1, R"({"guild_id":"2","user":{"id":"1"},"nick":"x"})") ==
        R"({"guild_id":"2","user":{"id":"1"}})");
  CHECK(stored(none, Resource::voice_state, 1, R"({"guild_id":"2","user_id":"1","channel_id":"3","deaf":true})") ==
        R"({"guild_id":"2","user_id":"1","channel_id":"3"})");
  const Selection all =
      selection_of({.drop_fields = {{Resource::guild, {"id", "unavailable", "member_count", "icon"}}}});
  CHECK(stored(all, Resource::guild, 1, R"({"id":"1","unavailable":false,"member_count":3,"icon":null})") ==
        R"({"id":"1","unavailable":false,"member_count":3})");
}

TEST_CASE("the own user is kept whole") {
  const Selection selection = selection_of({.keep_fields = {{Resource::user, {"username"}}}});
  CHECK(stored(selection, Resource::user, own_user_key, R"({"id":"1","username":"me","flags":0})") ==
        R"({"id":"1","username":"me","flags":0})");
  CHECK(stored(selection, Resource::user, 1, R"({"id":"1","username":"me","flags":0})") ==
        R"({"id":"1","username":"me"})");
}

TEST_CASE("a resource is in one of the lists, once") {
  const FieldSelection a{Resource::role, {"a"}};
  const FieldSelection b{Resource::role, {"b"}};
  const auto check = [](std::vector<FieldSelection> keep, std::vector<FieldSelection> drop, std::string_view text) {
    const auto selection = Selection::make({.keep_fields = std::move(keep), .drop_fields = std::move(drop)});
    REQUIRE_FALSE(selection);
    CHECK(selection.error().code == Errc::invalid_argument);
    CHECK(selection.error().text == text);
  };
  check({a, b}, {}, "keep_fields: role is given twice");
  check({}, {a, b}, "drop_fields: role is given twice");
  check({a}, {b}, "drop_fields: role is in keep_fields too: one of them");
  check({}, {{Resource::role, {""}}}, "drop_fields: role has a field without a name");
}

TEST_CASE("a selection tells by which option a field is not stored") {
  const Selection selection = selection_of({.keep_fields = {{Resource::role, {"permissions"}}},
                                            .drop_fields = {{Resource::channel, {"topic", "type", "id"}}}});
  CHECK(selection.left_out_by(Resource::role, "permissions").empty());
  CHECK(selection.left_out_by(Resource::role, "guild_id").empty());
  CHECK(selection.left_out_by(Resource::role, "color") == "keep_fields");
  CHECK(selection.left_out_by(Resource::channel, "topic") == "drop_fields");
  for (const char* field : {"name", "type", "id"}) CHECK(selection.left_out_by(Resource::channel, field).empty());
  CHECK(selection.left_out_by(Resource::guild, "name").empty());
}
