#include "redis/command_queue.h"

#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "redis/requester.h"

using namespace sake;
using namespace sake::redis;

namespace {

struct Nobody : Requester {
  void on_reply(std::uint32_t, const resp::Reply&) noexcept override {}
  void on_acknowledged() noexcept override {}
  void on_failed(std::uint32_t, const Error&) noexcept override {}
} nobody;

/// Appends "<name> <payload>" as one command.
bool put(CommandQueue& queue, Section section, std::string_view name, std::size_t payload = 0, std::uint32_t tag = 0) {
  queue.begin(section).begin(2).arg(name).arg(std::string(payload, 'x'));
  return queue.end(section, &nobody, tag);
}

/// The names of the commands in RESP bytes: "A B SELECT 9 C".
std::string names(std::string_view wire) {
  std::string text;
  while (!wire.empty()) {
    const auto take_line = [&wire] {
      const std::size_t end = wire.find("\r\n");
      REQUIRE(end != wire.npos);
      const std::string_view line = wire.substr(0, end);
      wire.remove_prefix(end + 2);
      return line;
    };
    const auto take_argument = [&] {
      const std::size_t size = std::stoul(std::string(take_line().substr(1)));
      const std::string_view argument = wire.substr(0, size);
      REQUIRE(wire.size() >= size + 2);
      wire.remove_prefix(size + 2);
      return argument;
    };
    REQUIRE(take_line() == "*2");
    const std::string_view name = take_argument();
    const std::string_view value = take_argument();
    if (!text.empty()) text += ' ';
    text += name;
    if (name == "SELECT") text += " " + std::string(value);
  }
  return text;
}

/// Everything that may be sent now, as if a link took it at once.
std::string sent_bytes(CommandQueue& queue) {
  std::array<std::string_view, 4> pieces;
  std::string wire;
  while (const std::size_t count = queue.send(pieces)) {
    for (std::size_t i = 0; i < count; ++i) wire += pieces[i];
    queue.on_written();
  }
  return wire;
}

std::string sent(CommandQueue& queue) { return names(sent_bytes(queue)); }

constexpr Section first = Section::references_first;
constexpr Section records = Section::records;
constexpr Section last = Section::references_last;

}  // namespace

TEST_CASE("the sections of a group are sent one after the other, each in its database") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, last, "E");
  put(queue, records, "B");
  put(queue, first, "A");
  put(queue, records, "C");
  put(queue, last, "F");
  CHECK(sent(queue).empty());
  queue.close_group();
  CHECK(sent(queue) == "SELECT 9 A SELECT 3 B C SELECT 9 E F");
  CHECK(queue.selects() == 3);
  CHECK(queue.commands() == 5);
}

TEST_CASE("a writer that uses no references never selects") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  for (int i = 0; i < 3; ++i) {
    put(queue, records, "A");
    queue.close_group();
  }
  CHECK(sent(queue) == "A A A");
  CHECK(queue.selects() == 0);
}

TEST_CASE("a database that is selected already is not selected again") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, last, "A");
  queue.close_group();
  put(queue, first, "B");
  put(queue, records, "C");
  queue.close_group();
  put(queue, records, "D");
  queue.close_group();
  CHECK(sent(queue) == "SELECT 9 A B SELECT 3 C D");
}

TEST_CASE("the writer of database 9 has its references at home") {
  CommandQueue queue(9, 1 << 16, 1 << 20);
  put(queue, first, "A");
  put(queue, records, "B");
  put(queue, last, "C");
  queue.close_group();
  CHECK(sent(queue) == "A B C");
}

TEST_CASE("closing a group puts later commands behind all earlier ones, whatever their section") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, last, "A");
  const std::uint64_t group = queue.group();
  queue.close_group();
  CHECK(queue.group() == group + 1);
  put(queue, first, "B");
  queue.close_group();
  queue.close_group();
  CHECK(queue.group() == group + 2);
  CHECK(sent(queue) == "SELECT 9 A B");
}

TEST_CASE("a group is full when all of its sections together hold the batch") {
  CommandQueue queue(3, 300, 1 << 20);
  CHECK_FALSE(put(queue, first, "A", 60));
  CHECK_FALSE(put(queue, records, "B", 60));
  CHECK_FALSE(put(queue, last, "C", 60));
  CHECK(put(queue, records, "D", 60));
  queue.close_group();
  CHECK_FALSE(put(queue, records, "E", 60));
}

TEST_CASE("bytes in flight stay within the bound, and a larger command goes alone") {
  CommandQueue queue(3, 10, 1000);
  for (int i = 0; i < 5; ++i) {
    put(queue, records, "A", 5000);
    queue.close_group();
  }
  for (int i = 0; i < 5; ++i) {
    CHECK(sent(queue) == "A");
    CHECK(sent(queue).empty());
    queue.on_answered();
  }

  for (int i = 0; i < 20; ++i) {
    put(queue, records, "A", 280);
    queue.close_group();
  }
  CHECK(sent(queue) == "A A A");
  CHECK(queue.in_flight_bytes() <= 1000);
  queue.on_answered();
  CHECK(sent(queue) == "A");
}

TEST_CASE("answers come to the commands in the order of sending, and count the bytes down to zero") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, records, "A", 10, 7);
  put(queue, first, "B", 10, 8);
  const std::size_t pending = queue.pending_bytes();
  queue.close_group();
  CHECK(queue.pending_bytes() > pending);  // The SELECTs.
  CHECK_FALSE(queue.awaits_answer());
  sent_bytes(queue);
  CHECK(queue.in_flight_bytes() == queue.pending_bytes());

  CHECK(queue.on_answered().selects() == 9);
  CHECK(queue.on_answered().tag == 8);
  CHECK(queue.on_answered().selects() == 3);
  CHECK(queue.awaits_answer());
  CHECK(queue.on_answered().tag == 7);
  CHECK_FALSE(queue.awaits_answer());
  CHECK(queue.pending_bytes() == 0);
}

TEST_CASE("after a loss the unanswered commands are sent again, from the database they need") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, records, "A");
  put(queue, last, "B");
  put(queue, last, "C");
  queue.close_group();
  put(queue, records, "D");
  queue.close_group();
  CHECK(sent(queue) == "A SELECT 9 B C SELECT 3 D");

  queue.on_lost();
  CHECK(queue.database() == 3);
  CHECK(sent(queue) == "A SELECT 9 B C SELECT 3 D");

  for (int i = 0; i < 3; ++i) queue.on_answered();  // A, SELECT 9, B.
  queue.on_lost();
  CHECK(queue.database() == 9);
  CHECK(sent(queue) == "C SELECT 3 D");

  for (int i = 0; i < 2; ++i) queue.on_answered();  // C, SELECT 3.
  queue.on_lost();
  CHECK(queue.database() == 3);
  CHECK(sent(queue) == "D");
  queue.on_answered();
  queue.on_lost();
  CHECK(sent(queue).empty());
}

TEST_CASE("bytes stay where they are until they are answered and the link has let go of them") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, records, "A", 10'000);
  queue.close_group();
  std::array<std::string_view, 4> pieces;
  REQUIRE(queue.send(pieces) == 1);
  const std::string before(pieces[0]);

  // A server that answers before it has read everything.
  queue.on_answered();
  for (int i = 0; i < 10; ++i) {
    put(queue, records, "B", 10'000);
    queue.close_group();
  }
  CHECK(pieces[0] == before);
  queue.on_written();
  CHECK(queue.pending_bytes() > 0);
}

TEST_CASE("bytes that are sent a second time are not let go of by what the first link had written") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, records, "A", 10'000);
  put(queue, records, "B", 10'000);
  queue.close_group();
  sent_bytes(queue);
  queue.on_lost();

  std::array<std::string_view, 4> pieces;
  REQUIRE(queue.send(pieces) == 1);
  const std::string before(pieces[0]);
  queue.on_answered();
  queue.on_answered();
  for (int i = 0; i < 10; ++i) {
    put(queue, records, "C", 10'000);
    queue.close_group();
  }
  CHECK(pieces[0] == before);
}

TEST_CASE("many small groups that wait share their buffers") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  for (int i = 0; i < 1000; ++i) {
    put(queue, first, "A");
    put(queue, records, "B");
    queue.close_group();
  }
  std::array<std::string_view, 4> pieces;
  std::size_t count = 0;
  while (const std::size_t more = queue.send(pieces)) count += more;
  CHECK(count <= 3);
}

TEST_CASE("at the end every command is left over once, and knows whether it was ever sent") {
  CommandQueue queue(3, 10, 100);
  put(queue, records, "A", 60, 1);
  queue.close_group();
  put(queue, records, "B", 60, 2);
  queue.close_group();
  CHECK(sent(queue) == "A");
  queue.on_answered();
  CHECK(sent(queue) == "B");
  queue.on_lost();  // B was sent on the old link.
  put(queue, last, "C", 60, 3);
  queue.close_group();
  put(queue, records, "D", 60, 4);  // Its group is still open.

  std::string left;
  while (const auto leftover = queue.take_leftover()) {
    if (leftover->entry.who == nullptr) continue;
    left += std::to_string(leftover->entry.tag) + (leftover->was_sent ? "+ " : "- ");
  }
  CHECK(left == "2+ 3- 4- ");
  CHECK(queue.pending_bytes() == 0);
  CHECK_FALSE(queue.awaits_answer());
}

TEST_CASE("through any losses a server sees every command, in order, in its database") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto chance = [&random](unsigned percent) { return random() % 100 < percent; };
    CommandQueue queue(3, 200 + random() % 2000, 100 + random() % 4000);

    std::vector<std::string> expected;             // "database:name" in the order of closed groups.
    std::array<std::vector<std::string>, 3> open;  // Of the open group.
    std::vector<std::string> executed;             // By the server; cut back to what was answered at each loss.
    std::size_t answered = 0;                      // Of `executed`.
    int database = 3;                              // The server's.
    std::deque<bool> replies;                      // On their way: false for a SELECT.
    bool writing = false;
    int number = 0;

    const auto close_group = [&] {
      for (auto& section : open) {
        expected.insert(expected.end(), section.begin(), section.end());
        section.clear();
      }
    };
    const auto execute = [&](std::string_view wire) {
      std::string text = names(wire) + " ";
      for (std::size_t at = 0; at + 1 < text.size();) {
        std::size_t end = text.find(' ', at);
        const std::string name = text.substr(at, end - at);
        at = end + 1;
        if (name == "SELECT") {
          end = text.find(' ', at);
          database = std::stoi(text.substr(at, end - at));
          at = end + 1;
        } else {
          executed.push_back(std::to_string(database) + ":" + name);
        }
        replies.push_back(name != "SELECT");
      }
    };

    for (int step = 0; step < 600 || queue.pending_bytes() != 0; ++step) {
      if (step < 600 && chance(60)) {
        const std::size_t section = random() % 3;
        const std::string name = "N" + std::to_string(number++);
        open[section].push_back((section == 1 ? "3:" : "9:") + name);
        if (put(queue, static_cast<Section>(section), name, chance(5) ? 6000 : random() % 100)) {
          close_group();
          queue.close_group();
        }
      }
      if (chance(20) || step >= 600) {
        close_group();
        queue.close_group();
      }
      if (!writing && chance(50)) {
        std::array<std::string_view, 4> pieces;
        const std::size_t count = queue.send(pieces);
        for (std::size_t i = 0; i < count; ++i) execute(pieces[i]);
        writing = count != 0;
        if (writing && chance(80)) {
          queue.on_written();
          writing = false;
        }
      }
      if (writing && chance(50)) {
        queue.on_written();
        writing = false;
      }
      while (!replies.empty() && chance(70)) {
        REQUIRE(queue.awaits_answer());
        const bool is_command = queue.on_answered().selects() == std::nullopt;
        REQUIRE(is_command == replies.front());
        if (is_command) ++answered;
        replies.pop_front();
      }
      if (chance(2)) {
        queue.on_lost();
        database = queue.database();
        replies.clear();
        writing = false;
        executed.resize(answered);
      }
    }
    CHECK(executed == expected);
    CHECK(answered == expected.size());
  }
}

TEST_CASE("when answers are void everything that was sent goes out again once the last of them has come") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  put(queue, records, "A");
  put(queue, last, "B");
  queue.close_group();
  put(queue, records, "C");
  queue.close_group();
  CHECK(sent(queue) == "A SELECT 9 B SELECT 3 C");
  queue.on_answered();  // A.
  CHECK(queue.on_answered().selects() == 9);
  put(queue, records, "D");
  queue.close_group();

  queue.begin_void();  // B is refused, and so everything behind it is void.
  CHECK(queue.is_void());
  CHECK_FALSE(queue.on_void_answer());
  CHECK_FALSE(queue.on_void_answer());
  CHECK(queue.awaits_answer());
  CHECK(queue.on_void_answer());
  CHECK_FALSE(queue.is_void());
  CHECK_FALSE(queue.awaits_answer());
  CHECK(queue.database() == 9);
  CHECK(sent(queue) == "B SELECT 3 C D");
  for (int i = 0; i < 4; ++i) queue.on_answered();
  CHECK(queue.pending_bytes() == 0);
  CHECK(queue.pending_commands() == 0);
}

TEST_CASE("a link that is lost while answers are void owes them no longer") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  for (const std::string_view name : {"A", "B", "C"}) put(queue, records, name);
  queue.close_group();
  CHECK(sent(queue) == "A B C");
  queue.begin_void();
  queue.on_void_answer();
  queue.on_lost();
  CHECK_FALSE(queue.is_void());
  CHECK(sent(queue) == "A B C");
}

TEST_CASE("commands without an answer are counted, those of the open group too") {
  CommandQueue queue(3, 1 << 16, 1 << 20);
  CHECK(queue.pending_commands() == 0);
  put(queue, records, "A");
  put(queue, records, "B");
  CHECK(queue.pending_commands() == 2);
  queue.close_group();
  put(queue, records, "C");
  CHECK(queue.pending_commands() == 3);
  sent(queue);
  queue.on_answered();
  CHECK(queue.pending_commands() == 2);
}
