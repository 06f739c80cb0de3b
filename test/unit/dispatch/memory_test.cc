#include "dispatch/memory.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/random.h"

using namespace sake;
using dispatch::Memory;
using resources::Answer;
using store::Action;
using store::Op;
using store::Owner;

namespace {

Op op_of(Action action, Resource resource, std::uint64_t key, std::uint64_t member = 0, std::string_view text = {}) {
  Op op{};
  op.action = action;
  op.resource = resource;
  op.owner = Owner::guild;
  op.key = key;
  op.member = member;
  op.text = text;
  return op;
}

Op voice_op(Action action, std::uint64_t channel, std::uint64_t user, std::string_view text = {}) {
  Op op = op_of(action, Resource::voice_state, channel, user, text);
  op.owner = Owner::channel;
  return op;
}

/// A read that was sent now, and what Redis answers to it.
Answer asked(const Memory& memory, const Op& read) {
  Answer answer;
  answer.read = read;
  answer.asked_at = memory.clock();
  return answer;
}
Answer text_answer(const Memory& memory, const Op& read, std::optional<std::string> text) {
  Answer answer = asked(memory, read);
  answer.nil = !text;
  if (text) answer.text = *text;
  return answer;
}
Answer list_answer(const Memory& memory, const Op& read, const std::vector<std::string>& elements) {
  Answer answer = asked(memory, read);
  answer.nil = false;
  for (const std::string& element : elements) answer.append(element);
  return answer;
}
Answer number_answer(const Memory& memory, const Op& read, std::int64_t number) {
  Answer answer = asked(memory, read);
  answer.nil = false;
  answer.integer = number;
  return answer;
}

std::set<std::string> elements(const Answer& answer) {
  std::set<std::string> found;
  for (std::size_t i = 0; i < answer.size(); ++i) found.insert(std::string(answer[i]));
  CHECK(found.size() == answer.size());
  return found;
}

using Names = std::set<std::string>;

const Op get_guild = op_of(Action::get, Resource::guild, 100);
const Op set_guild = op_of(Action::set, Resource::guild, 100);
const Op erase_guild = op_of(Action::erase, Resource::guild, 100);

}  // namespace

TEST_CASE("an answer that was asked for before a write says what was written") {
  Memory memory;
  Answer answer = text_answer(memory, get_guild, "old");
  memory.note(set_guild, true, "new");
  memory.lay_over(answer);
  CHECK_FALSE(answer.nil);
  CHECK(answer.text == "new");
  memory.lay_over(answer);  // As often as the event has turns.
  CHECK(answer.text == "new");
}

TEST_CASE("an answer that was asked for behind a write is left alone") {
  Memory memory;
  memory.note(set_guild, true, "written");
  Answer answer = text_answer(memory, get_guild, "written, and changed by somebody else since");
  memory.lay_over(answer);
  CHECK(answer.text == "written, and changed by somebody else since");
  memory.note(op_of(Action::set, Resource::guild, 101), true, "later, and of another guild");
  memory.lay_over(answer);
  CHECK(answer.text == "written, and changed by somebody else since");

  const Op fields = op_of(Action::fields, Resource::member, 100);
  memory.note(op_of(Action::set_field, Resource::member, 100, 1), true, "x");
  memory.note(op_of(Action::erase_field, Resource::member, 100, 2), false, {});
  Answer list = list_answer(memory, fields, {"2", "3"});
  memory.note(op_of(Action::set_field, Resource::member, 100, 4), true, "x");
  memory.lay_over(list);
  CHECK(elements(list) == Names{"2", "3", "4"});
}

TEST_CASE("an answer about something else is left alone") {
  Memory memory;
  Answer other_id = text_answer(memory, op_of(Action::get, Resource::guild, 101), "a");
  Answer other_resource = text_answer(memory, op_of(Action::get, Resource::channel, 100), "b");
  Answer other_kind = text_answer(memory, op_of(Action::get_field, Resource::member, 100, 5), "c");
  memory.note(set_guild, true, "new");
  memory.note(op_of(Action::set_field, Resource::member, 100, 6), true, "new");
  memory.note(op_of(Action::set_field, Resource::presence, 100, 5), true, "new");
  memory.note(op_of(Action::set_field, Resource::member, 101, 5), true, "new");
  for (Answer* answer : {&other_id, &other_resource, &other_kind}) memory.lay_over(*answer);
  CHECK(other_id.text == "a");
  CHECK(other_resource.text == "b");
  CHECK(other_kind.text == "c");
}

TEST_CASE("the last of several writes counts") {
  Memory memory;
  Answer answer = text_answer(memory, get_guild, "old");
  memory.note(set_guild, true, "first");
  memory.note(erase_guild, false, {});
  memory.note(set_guild, true, "third");
  memory.lay_over(answer);
  CHECK(answer.text == "third");

  Answer gone = text_answer(memory, get_guild, "third");
  memory.note(erase_guild, false, {});
  memory.lay_over(gone);
  CHECK(gone.nil);
  CHECK(gone.text.empty());
}

TEST_CASE("an empty value is one") {
  Memory memory;
  Answer answer = text_answer(memory, get_guild, std::nullopt);
  memory.note(set_guild, true, "");
  memory.lay_over(answer);
  CHECK_FALSE(answer.nil);
}

TEST_CASE("whether a record is there follows what was written") {
  const Op exists = op_of(Action::exists, Resource::guild, 100);
  Memory memory;
  Answer absent = number_answer(memory, exists, 0);
  memory.note(set_guild, true, "{}");
  memory.lay_over(absent);
  CHECK(absent.integer == 1);
  Answer present = number_answer(memory, exists, 1);
  memory.note(erase_guild, false, {});
  memory.lay_over(present);
  CHECK(present.integer == 0);
}

TEST_CASE("fields follow what was written to them, and a hash that was removed has none but those written since") {
  const auto read = [](std::uint64_t user) { return op_of(Action::get_field, Resource::member, 100, user); };
  Memory memory;
  Answer before = text_answer(memory, read(1), "old");
  Answer other = text_answer(memory, read(2), "old");
  Answer late = text_answer(memory, read(3), "old");
  memory.note(op_of(Action::set_field, Resource::member, 100, 1), true, "one");
  memory.note(op_of(Action::erase_hash, Resource::member, 100), false, {});
  memory.note(op_of(Action::set_field, Resource::member, 100, 3), true, "three");
  Answer after = text_answer(memory, read(1), std::nullopt);
  for (Answer* answer : {&before, &other, &late, &after}) memory.lay_over(*answer);
  CHECK(before.nil);
  CHECK(other.nil);
  CHECK(late.text == "three");
  CHECK(after.nil);
}

TEST_CASE("the fields of a hash are those of the answer and of the writes since") {
  const Op fields = op_of(Action::fields, Resource::member, 100);
  Memory memory;
  memory.note(op_of(Action::set_field, Resource::member, 100, 9), true, "before");
  Answer answer = list_answer(memory, fields, {"1", "2", "3", "9"});
  memory.note(op_of(Action::set_field, Resource::member, 100, 4), true, "x");
  memory.note(op_of(Action::set_field, Resource::member, 100, 1), true, "x");
  memory.note(op_of(Action::erase_field, Resource::member, 100, 2), false, {});
  memory.note(op_of(Action::set_field, Resource::member, 101, 7), true, "x");
  memory.lay_over(answer);
  CHECK(elements(answer) == Names{"1", "3", "4", "9"});
  memory.lay_over(answer);
  CHECK(elements(answer) == Names{"1", "3", "4", "9"});

  memory.note(op_of(Action::erase_hash, Resource::member, 100), false, {});
  memory.note(op_of(Action::set_field, Resource::member, 100, 8), true, "x");
  memory.lay_over(answer);
  CHECK(elements(answer) == Names{"8"});
}

TEST_CASE("the members of a set are those of the answer and of the writes since, markers among them") {
  const Op read = voice_op(Action::references, 200, 0);
  Memory memory;
  Answer answer = list_answer(memory, read, {"1", "KEY.100"});
  memory.note(voice_op(Action::add_reference, 200, 2), true, {});
  memory.note(voice_op(Action::add_reference, 200, 0, "KEY.100"), true, {});
  memory.note(voice_op(Action::remove_reference, 200, 1), false, {});
  memory.note(voice_op(Action::add_reference, 201, 3), true, {});
  memory.lay_over(answer);
  CHECK(elements(answer) == Names{"2", "KEY.100"});

  Answer erased = list_answer(memory, read, {"2", "KEY.100"});
  memory.note(voice_op(Action::erase_reference, 200, 0), false, {});
  memory.lay_over(erased);
  CHECK(elements(erased).empty());
}

TEST_CASE("the sets of a guild and of a channel with the same id are two") {
  Memory memory;
  Answer answer = list_answer(memory, op_of(Action::references, Resource::voice_state, 200), {"1"});
  memory.note(voice_op(Action::remove_reference, 200, 1), false, {});
  memory.lay_over(answer);
  CHECK(elements(answer) == Names{"1"});
}

TEST_CASE("a count is at least as large as what is there") {
  const Op count = op_of(Action::count_references, Resource::role, 100);
  Memory memory;
  Answer answer = number_answer(memory, count, 5);
  memory.note(op_of(Action::add_reference, Resource::role, 100, 1), true, {});
  memory.note(op_of(Action::add_reference, Resource::role, 100, 2), true, {});
  memory.lay_over(answer);
  CHECK(answer.integer >= 7);

  Answer none = number_answer(memory, count, 7);
  memory.note(op_of(Action::erase_reference, Resource::role, 100), false, {});
  memory.lay_over(none);
  CHECK(none.integer == 0);
  Answer one = number_answer(memory, count, 0);
  memory.note(op_of(Action::add_reference, Resource::role, 100, 3), true, {});
  memory.lay_over(one);
  CHECK(one.integer >= 1);
}

TEST_CASE("whatever was written when, an answer reads as if it had been asked for now") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    test::Random random(seed);
    Memory memory;
    std::map<std::string, std::string> hash;  // What Redis holds.
    struct Waiting {
      Answer answer;
      std::uint64_t user;  ///< Of a field; 0 for the list of all.
    };
    std::vector<Waiting> waiting;
    for (int step = 0; step < 100; ++step) {
      const std::uint64_t user = random.between(1, 5);
      const std::string name = std::to_string(user);
      switch (random.below(6)) {
        case 0:
        case 1:
          hash[name] = std::to_string(step);
          memory.note(op_of(Action::set_field, Resource::member, 100, user), true, hash[name]);
          break;
        case 2:
          hash.erase(name);
          memory.note(op_of(Action::erase_field, Resource::member, 100, user), false, {});
          break;
        case 3:
          if (random.one_in(4)) {
            hash.clear();
            memory.note(op_of(Action::erase_hash, Resource::member, 100), false, {});
          }
          break;
        case 4: {
          const auto found = hash.find(name);
          waiting.push_back({text_answer(memory, op_of(Action::get_field, Resource::member, 100, user),
                                         found == hash.end() ? std::nullopt : std::optional(found->second)),
                             user});
          break;
        }
        default: {
          std::vector<std::string> names;
          for (const auto& entry : hash) names.push_back(entry.first);
          waiting.push_back({list_answer(memory, op_of(Action::fields, Resource::member, 100), names), 0});
        }
      }
      if (waiting.empty() || random.one_in(2)) continue;
      Waiting& one = waiting[random.below(waiting.size())];
      memory.lay_over(one.answer);
      if (one.user == 0) {
        Names expected;
        for (const auto& entry : hash) expected.insert(entry.first);
        REQUIRE(elements(one.answer) == expected);
      } else {
        const auto found = hash.find(std::to_string(one.user));
        REQUIRE(one.answer.nil == (found == hash.end()));
        if (found != hash.end()) REQUIRE(one.answer.text == found->second);
      }
    }
  }
}

TEST_CASE("a memory counts about what it holds, not what it ever held") {
  Memory memory;
  CHECK(memory.bytes() == 0);
  memory.note(set_guild, true, std::string(1000, 'x'));
  CHECK(memory.bytes() >= 1000);
  CHECK(memory.bytes() <= 2000);
  for (int i = 0; i < 1000; ++i) memory.note(set_guild, true, std::string(1000, 'x'));
  CHECK(memory.bytes() <= 10'000);
}
