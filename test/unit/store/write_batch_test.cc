#include "store/write_batch.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace sake;
using store::Action;
using store::Life;
using store::Op;
using store::Owner;
using store::ReferenceKey;
using store::WriteBatch;

namespace {

std::string value_of(const WriteBatch& batch, const Op& op) {
  std::string text;
  for (std::uint32_t i = 0; i < op.pieces; ++i) text.append(batch.piece(op.first_piece + i));
  return text;
}

}  // namespace

TEST_CASE("a batch is its operations in the order in which they were added") {
  WriteBatch batch;
  CHECK(batch.empty());
  batch.set(Resource::role, 7, [](json::Pieces& pieces) { pieces.push_back("{}"); });
  batch.add(Action::add_reference, ReferenceKey{Owner::guild, 100, Resource::role}).member = 7;
  batch.set_field(Resource::member, 100, 5, [](json::Pieces& pieces) { pieces.push_back("x"); });
  batch.add(Action::erase, Resource::guild, 100);
  REQUIRE(batch.ops().size() == 4);
  CHECK_FALSE(batch.empty());

  const Op& set = batch.ops()[0];
  CHECK(set.action == Action::set);
  CHECK(set.resource == Resource::role);
  CHECK(set.key == 7);
  CHECK(set.life == Life::of_resource);
  CHECK(set.ordered);

  const Op& reference = batch.ops()[1];
  CHECK(reference.action == Action::add_reference);
  CHECK(reference.reference() == ReferenceKey{Owner::guild, 100, Resource::role});
  CHECK(reference.member == 7);
  CHECK(reference.pieces == 0);

  CHECK(batch.ops()[2].action == Action::set_field);
  CHECK(batch.ops()[2].key == 100);
  CHECK(batch.ops()[2].member == 5);
  CHECK(batch.ops()[3].action == Action::erase);
}

TEST_CASE("each value is its own run of pieces") {
  WriteBatch batch;
  batch.set(Resource::role, 1, [](json::Pieces& pieces) {
    pieces.push_back("{\"a\":");
    pieces.push_back("1}");
  });
  batch.set(Resource::role, 2, [](json::Pieces&) {});
  batch.set(Resource::role, 3, [](json::Pieces& pieces) { pieces.push_back("{}"); });
  CHECK(value_of(batch, batch.ops()[0]) == "{\"a\":1}");
  CHECK(value_of(batch, batch.ops()[1]).empty());
  CHECK(value_of(batch, batch.ops()[2]) == "{}");
}

TEST_CASE("what was sent ahead is taken out, and the rest keeps its order and its values") {
  WriteBatch batch;
  const auto set = [&](Resource resource, std::uint64_t id, std::string_view text, bool ordered) {
    batch.set(resource, id, [&](json::Pieces& pieces) { pieces.push_back(text); }).ordered = ordered;
  };
  set(Resource::role, 1, "one", true);
  set(Resource::user, 2, "two", false);
  set(Resource::role, 3, "three", true);
  set(Resource::user, 4, "four", false);
  batch.remove_unordered();
  REQUIRE(batch.ops().size() == 2);
  CHECK(value_of(batch, batch.ops()[0]) == "one");
  CHECK(value_of(batch, batch.ops()[1]) == "three");
}

TEST_CASE("the operations can be forgotten while the bytes they pointed to stay") {
  WriteBatch batch;
  const std::string_view literal = batch.arena().store("\"guild_id\":\"100\"");
  batch.set(Resource::role, 1, [&](json::Pieces& pieces) { pieces.push_back(literal); });
  batch.clear_ops();
  CHECK(batch.empty());
  CHECK(batch.pieces().empty());
  batch.arena().store("more");
  CHECK(literal == "\"guild_id\":\"100\"");
  batch.clear();
  CHECK(batch.empty());
}

TEST_CASE("a batch that was large is given back, and one is as good as new after clear") {
  WriteBatch batch;
  for (std::uint64_t id = 0; id < 100'000; ++id)
    batch.set(Resource::role, id, [](json::Pieces& pieces) { pieces.push_back("{}"); });
  batch.clear();
  CHECK(batch.ops().capacity() <= 8192);
  CHECK(batch.pieces().capacity() <= 8192);
  batch.set(Resource::role, 1, [](json::Pieces& pieces) { pieces.push_back("again"); });
  CHECK(value_of(batch, batch.ops()[0]) == "again");
}
