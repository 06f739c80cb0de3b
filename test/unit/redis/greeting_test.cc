#include "redis/greeting.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace sake;
using namespace sake::redis;
using resp::Reply;
using resp::ReplyType;
using Progress = Greeting::Progress;

namespace {

const Reply ok{ReplyType::status, "OK", 0, {}};
const Reply pong{ReplyType::status, "PONG", 0, {}};

Reply error(std::string_view words) { return {ReplyType::error, words, 0, {}}; }
Reply integer(std::int64_t value) { return {ReplyType::integer, {}, value, {}}; }
Reply bulk(std::string_view text) { return {ReplyType::bulk, text, 0, {}}; }

bool says(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// "SELECT 3;PING;...": the commands in the buffer, which is emptied.
std::string commands(base::Buffer& bytes) {
  std::string text;
  std::string_view rest = bytes.view();
  while (!rest.empty()) {
    const std::size_t line = rest.find("\r\n");
    if (rest[0] == '*' && !text.empty()) text.back() = ';';
    if (rest[0] != '*' && rest[0] != '$') text += std::string(rest.substr(0, line)) + " ";
    rest.remove_prefix(line + 2);
  }
  if (!text.empty()) text.pop_back();
  bytes.clear();
  return text;
}

struct Talk {
  Greeting greeting;
  base::Buffer out;

  explicit Talk(GreetingPlan plan) { greeting.begin(std::move(plan), out); }
  Progress answer(const Reply& reply) { return greeting.on_reply(reply, out); }
};

}  // namespace

TEST_CASE("without a login a link selects, checks, names itself and asks for its id") {
  Talk talk({.database = 3, .name = "sake:3:1"});
  CHECK(commands(talk.out) == "SELECT 3;PING;CLIENT SETNAME sake:3:1;CLIENT ID");
  CHECK(talk.answer(ok) == Progress::waiting);
  CHECK(talk.answer(pong) == Progress::waiting);
  CHECK(talk.answer(ok) == Progress::waiting);
  CHECK(talk.answer(integer(42)) == Progress::done);
  CHECK(talk.greeting.client_id() == 42);
  CHECK(talk.out.empty());
}

TEST_CASE("a password and a user come first") {
  Talk password({.password = "secret", .name = "n"});
  CHECK(commands(password.out).starts_with("AUTH secret;SELECT 0;"));
  Talk both({.user = "alice", .password = "secret", .name = "n"});
  CHECK(commands(both.out).starts_with("AUTH alice secret;SELECT 0;"));
}

TEST_CASE("a predecessor that lives is killed before the link is used") {
  Talk talk({.database = 3, .name = "sake:3:1", .predecessor_id = 7});
  CHECK(says(commands(talk.out), ";CLIENT ID;CLIENT LIST ID 7"));
  talk.answer(ok);
  talk.answer(pong);
  talk.answer(ok);
  CHECK(talk.answer(integer(42)) == Progress::waiting);
  CHECK(talk.answer(bulk("id=7 addr=127.0.0.1:4242 fd=8 name=sake:3:1 age=3 db=3\n")) == Progress::send);
  CHECK(commands(talk.out) == "CLIENT KILL ID 7");
  CHECK(talk.answer(integer(1)) == Progress::done);
}

TEST_CASE("a client that merely has the predecessor's id is spared") {
  for (const std::string_view list : {"", "id=7 addr=10.0.0.1:4242 fd=8 name= age=3\n", "id=7 name=sake:3:12 age=3\n",
                                      "id=7 name=x-sake:3:1 age=3\n"}) {
    CAPTURE(std::string(list));
    Talk talk({.name = "sake:3:1", .predecessor_id = 7});
    for (const Reply& reply : {ok, pong, ok, integer(42)}) talk.answer(reply);
    CHECK(talk.answer(bulk(list)) == Progress::done);
  }
}

TEST_CASE("a user who may not use CLIENT does without it") {
  const Reply no = error("NOPERM this user has no permissions to run the 'client|id' command");
  Talk talk({.name = "n", .predecessor_id = 7});
  for (const Reply& reply : {ok, no, no, no}) CHECK(talk.answer(reply) == Progress::waiting);
  CHECK(talk.answer(no) == Progress::done);
  CHECK(talk.greeting.client_id() == -1);
}

TEST_CASE("a refused login is an error of authentication with the server's words") {
  for (const std::string_view words :
       {"WRONGPASS invalid username-password pair or user is disabled.", "NOAUTH Authentication required.",
        "NOPERM this user has no permissions to run the 'select' command", "ERR invalid password",
        "ERR AUTH <password> called without any password configured for the default user. Are you sure?"}) {
    CAPTURE(std::string(words));
    Talk talk({.password = "secret", .name = "n"});
    CHECK(talk.answer(error(words)) == Progress::refused);
    CHECK(talk.greeting.error().cause == Cause::auth);
    CHECK(talk.greeting.error().text == words);
  }
  Talk without({.name = "n"});
  CHECK(without.answer(error("NOAUTH Authentication required.")) == Progress::refused);
  CHECK(without.greeting.error().cause == Cause::auth);
}

TEST_CASE("a server that is full says so in answer to whatever comes first, which is no error of authentication") {
  Talk first({.name = "n"});
  CHECK(first.answer(error("ERR max number of clients reached")) == Progress::failed);
  CHECK(first.greeting.error().text == "ERR max number of clients reached");
  Talk talk({.password = "secret", .name = "n"});
  CHECK(talk.answer(error("ERR max number of clients reached")) == Progress::failed);
  CHECK(talk.greeting.error().cause == Cause::server);
}

TEST_CASE("a database that does not exist is named, with the setting to change") {
  Talk talk({.database = 16, .name = "n"});
  CHECK(talk.answer(error("ERR DB index is out of range")) == Progress::refused);
  CHECK(talk.greeting.error().cause == Cause::server);
  CHECK(says(talk.greeting.error().text, "database 16"));
  CHECK(says(talk.greeting.error().text, "`databases` in redis.conf"));
}

TEST_CASE("a second database that will be needed is looked for first") {
  Talk talk({.database = 3, .other_database = 9, .name = "n"});
  CHECK(commands(talk.out).starts_with("SELECT 9;SELECT 3;PING"));
  CHECK(talk.answer(error("ERR DB index is out of range")) == Progress::refused);
  CHECK(says(talk.greeting.error().text, "database 9"));
}

TEST_CASE("a cluster is refused with its own words") {
  Talk talk({.database = 1, .name = "n"});
  CHECK(talk.answer(error("ERR SELECT is not allowed in cluster mode")) == Progress::refused);
  CHECK(says(talk.greeting.error().text, "Redis Cluster"));
}

TEST_CASE("a server that loads its data is not ready, although it answers SELECT") {
  for (const std::string_view words : {"LOADING Redis is loading the dataset in memory",
                                       "BUSY Redis is busy running a script", "MASTERDOWN Link with MASTER is down"}) {
    Talk talk({.name = "n"});
    CHECK(talk.answer(ok) == Progress::waiting);
    CHECK(talk.answer(error(words)) == Progress::failed);
    CHECK(talk.greeting.error().cause == Cause::server);
  }
}

TEST_CASE("other complaints about PING are no reason to stay away") {
  Talk talk({.name = "n"});
  talk.answer(ok);
  CHECK(talk.answer(error("MISCONF Redis is configured to save RDB snapshots")) == Progress::waiting);
}

TEST_CASE("a link that is to write asks whether the server takes writes, and a replica is no server to write to") {
  Talk talk({.database = 3, .writes = true, .name = "n"});
  CHECK(commands(talk.out) == "SELECT 3;PING;DEL sake:none;CLIENT SETNAME n;CLIENT ID");
  talk.answer(ok);
  talk.answer(pong);
  CHECK(talk.answer(error("READONLY You can't write against a read only replica.")) == Progress::failed);
  CHECK(talk.greeting.error().cause == Cause::server);
}

TEST_CASE("whatever else a write is refused for is left to the commands, where each is accounted for") {
  for (const std::string_view words :
       {"NOPERM this user has no permissions to run the 'del' command",
        "MISCONF Redis is configured to save RDB snapshots", "OOM command not allowed"}) {
    Talk talk({.writes = true, .name = "n"});
    talk.answer(ok);
    talk.answer(pong);
    CHECK(talk.answer(error(words)) == Progress::waiting);
  }
}

TEST_CASE("the server's words are cut where they are too long") {
  Talk talk({.password = "secret", .name = "n"});
  CHECK(talk.answer(error("WRONGPASS " + std::string(10'000, 'x'))) == Progress::refused);
  CHECK(talk.greeting.error().text.size() == 256);
}
