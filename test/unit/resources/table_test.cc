#include "resources/table.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "resources/handlers.h"
#include "resources/kinds.h"

using namespace sake::resources;

TEST_CASE("there is one row per documented event, in order") {
  CHECK(table().size() == 79);
  CHECK(std::ranges::is_sorted(table(), {}, &Row::event));
  CHECK(std::ranges::adjacent_find(table(), {}, &Row::event) == table().end());
}

TEST_CASE("every event is found by its name, and nothing by another") {
  for (const Row& row : table()) CHECK(find_row(row.event) == &row);
  for (std::string_view name :
       {"", "A", "GUILD", "GUILD_", "GUILD_CREAT", "GUILD_CREATE ", "GUILD_CREATEE", "guild_create",
        "PRESENCES_REPLACE", "GUILD_JOIN_REQUEST_CREATE", "HELLO", "ZZZ", "(unknown)", "GUILD_CREATE\n"})
    CHECK_MESSAGE(find_row(name) == nullptr, std::string(name));
  const std::string with_zero("GUILD_CREATE\0", 13);
  CHECK(find_row(with_zero) == nullptr);
}

TEST_CASE("an event has one handler for its settings, or changes nothing and then needs neither lane nor depth") {
  for (const Row& row : table()) {
    CAPTURE(row.event);
    CHECK((row.needs_reads != nullptr) == (row.apply != nullptr && row.flow != nullptr));
    CHECK(row.changes_nothing() == (row.apply == nullptr && row.flow == nullptr));
    if (row.changes_nothing()) {
      CHECK(row.lane == LaneOf::none);
      CHECK(row.depth == 0);
      CHECK_FALSE(row.outlives_leave);
    } else {
      CHECK(row.depth >= 1);
      CHECK(row.depth <= 8);  // Data in front of the name is indexed nine levels deep.
    }
  }
}

TEST_CASE("a row whose handler serves several kinds of entities says which") {
  for (const Row& row : table()) {
    CAPTURE(row.event);
    const bool shared = row.apply == listed_upsert || row.apply == listed_delete || row.flow == listed_replace;
    if (shared) CHECK(row.kind != nullptr);
    if (row.flow == listed_replace) CHECK_FALSE(row.kind->list.empty());
  }
}

TEST_CASE("only what says whether the bot is in a guild is applied to one that was left") {
  for (const Row& row : table())
    CHECK(row.outlives_leave == (row.event == "GUILD_CREATE" || row.event == "GUILD_DELETE"));
}

TEST_CASE("only what belongs to no guild is applied outside of lanes") {
  for (const Row& row : table()) {
    if (row.changes_nothing()) continue;
    CAPTURE(row.event);
    const bool of_session =
        row.event == "READY" || row.event == "RESUMED" || row.event == "USER_UPDATE" || row.event == "RATE_LIMITED";
    CHECK((row.lane == LaneOf::none) == of_session);
  }
}

TEST_CASE("the guild's own events name it by their id, all others by guild_id") {
  for (std::string_view event : {"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"})
    CHECK(find_row(event)->lane == LaneOf::id);
  CHECK(std::ranges::count(table(), LaneOf::id, &Row::lane) == 3);
  for (const Row& row : table())
    if (row.lane == LaneOf::channel)
      CHECK((row.event.starts_with("CHANNEL_") || row.event.starts_with("VOICE_CHANNEL_") ||
             row.event.starts_with("THREAD_")));
}
