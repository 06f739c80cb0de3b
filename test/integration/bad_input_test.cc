// What the engine does with frames that Discord would not send: it applies them or rejects them whole, tells so without
// quoting them, and goes on.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "sake/sake.h"

#include "resources/table.h"
#include "support/cache_fixture.h"
#include "support/gateway_log.h"
#include "support/random.h"

using namespace sake;
using namespace std::string_literals;
using namespace std::string_view_literals;
using nlohmann::json;
using test::CacheFixture;
using test::Ending;
using test::Random;

namespace {

/// Stands in every frame, and nowhere in what the engine says.
constexpr std::string_view secret = "S3CRET-T0KEN";

/// Everything on that may be: the more is done with a frame, the more can go wrong.
Options everything() {
  Options options;
  options.policies = {
      .harvest_members = HarvestPolicy::on, .scrub_deleted_roles = true, .track_channel_activity = true};
  options.secondary_indices = SecondaryIndices::all();
  options.resources = Resources::everything();
  return options;
}

bool says(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

json parse(std::string_view text) { return json::parse(text.begin(), text.end()); }

std::string frame_of(std::string_view event, std::string_view data) {
  return R"({"t":")" + std::string(event) + R"(","s":null,"op":0,"d":)" + std::string(data) + "}";
}

/// A guild with something of everything in it.
json guild() {
  return parse(R"({
    "id": "100", "name": "guild", "member_count": 3, "large": false, "joined_at": "2024-01-01T00:00:00+00:00",
    "unavailable": false, "owner_id": "5", "features": [],
    "threads": [{"id": "250", "type": 11, "parent_id": "200", "thread_metadata": {"archived": false},
                 "member": {"flags": 1}}],
    "stickers": [{"id": "301", "name": "sticker", "user": {"id": "5", "username": "u5"}}],
    "stage_instances": [{"id": "400", "channel_id": "202"}],
    "guild_scheduled_events": [{"id": "401", "name": "event", "user_count": 3}],
    "soundboard_sounds": [{"sound_id": "403", "name": "sound"}],
    "roles": [{"id": "100", "name": "@everyone"}, {"id": "7001", "name": "role"}],
    "emojis": [{"id": "300", "name": "emoji", "user": {"id": "5", "username": "u5"}}],
    "channels": [{"id": "200", "type": 0, "name": "text"}, {"id": "201", "type": 2}, {"id": "202", "type": 2}],
    "members": [{"user": {"id": "5", "username": "u5"}, "roles": ["7001"]},
                {"user": {"id": "6", "username": "u6"}, "roles": []},
                {"user": {"id": "9", "username": "bot"}, "roles": []}],
    "presences": [{"user": {"id": "5"}, "status": "online", "activities": []}],
    "voice_states": [{"user_id": "6", "channel_id": "201", "session_id": "s"}]
  })");
}

json message() {
  return parse(R"({
    "id": "900", "channel_id": "200", "guild_id": "100", "author": {"id": "5", "username": "u5"}, "content": "hello",
    "mentions": [{"id": "6", "username": "u6", "member": {"roles": []}}], "member": {"roles": ["7001"]}, "flags": 0,
    "reactions": [{"emoji": {"id": null, "name": "x"}, "count": 2, "count_details": {"burst": 0, "normal": 2},
                   "me": false, "me_burst": false, "burst_colors": []}],
    "poll": {"question": {"text": "q"}, "results": {"is_finalized": false,
             "answer_counts": [{"id": 1, "count": 4, "me_voted": false}]}}
  })");
}

json invite() {
  return parse(R"({"code": "aBc", "channel_id": "200", "guild_id": "100", "created_at": "2024-01-01T00:00:00+00:00",
                   "max_age": 0, "max_uses": 0, "uses": 0, "expires_at": null,
                   "inviter": {"id": "5", "username": "u5"}})");
}

/// The frames of these tests have something to act on.
void seed(CacheFixture& fixture) {
  fixture.feed_event("GUILD_CREATE", guild());
  fixture.feed_event("GUILD_MEMBER_ADD", parse(R"({"guild_id":"100","user":{"id":"6","username":"u6"},"roles":[]})"));
  fixture.feed_event("MESSAGE_CREATE", message());
  CHECK(fixture.apply("INVITE_CREATE", invite()) == Outcome::applied);
}

/// A frame that is applied whatever has come before it, and shows that it was.
class Witness {
 public:
  explicit Witness(CacheFixture& fixture) : fixture_(fixture) {}

  const Ending& feed() {
    ++count_;
    return fixture_.feed_event("GUILD_ROLE_UPDATE",
                               {{"guild_id", "100"}, {"role", {{"id", "7002"}, {"name", count_}}}});
  }
  /// Whether the last one that was fed is stored.
  bool is_stored() { return fixture_.json_at(6, "7002")["name"] == count_; }

 private:
  CacheFixture& fixture_;
  int count_ = 0;
};

/// The state without what the witness writes.
json state_of(CacheFixture& fixture) {
  json state = fixture.state();
  if (state.contains("6")) state["6"].erase("7002");
  if (!state.contains("9") || !state["9"].contains("1:100:6")) return state;
  json& roles = state["9"]["1:100:6"]["value"];
  roles.erase(std::remove(roles.begin(), roles.end(), json("7002")), roles.end());
  return state;
}

/// What readers of the layout count on: decimal keys where ids belong, and values that are JSON objects in UTF-8.
std::string breach_of_layout(CacheFixture& fixture) {
  const auto is_id = [](std::string_view text) {
    return !text.empty() && text.size() <= 20 &&
           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) && (text == "0" || text[0] != '0');
  };
  const auto is_object = [](std::string_view text) {
    const json value = json::parse(text.begin(), text.end(), nullptr, false);
    return value.is_object();
  };
  for (int database = 0; database <= 17; ++database) {
    if (database == reference_index) continue;
    const std::string where = std::to_string(database) + " / ";
    fixture.client.select(database);
    for (const test::Reply& key : fixture.client.command("KEYS", "*").elements) {
      if (database != 3 && !is_id(key.text) && !(database == 7 && key.text == "ME")) return where + key.text;
      const std::string type = fixture.client.command("TYPE", key.text).text;
      if (type == "string") {
        if (!is_object(fixture.client.command("GET", key.text).text)) return where + key.text + ": no JSON object";
        continue;
      }
      const auto fields = fixture.client.command("HGETALL", key.text).elements;
      for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
        if (!is_id(fields[i].text) || !is_object(fields[i + 1].text)) return where + key.text + " / " + fields[i].text;
    }
  }
  fixture.client.select(0);
  return {};
}

/// Nothing that was logged, and nothing of how events ended, quotes a frame.
void check_discretion(const CacheFixture& fixture) {
  for (const std::string& line : fixture.logged) CHECK_MESSAGE(!says(line, secret), line);
}
void check_discretion(const Ending& ending) {
  CHECK_MESSAGE(!says(ending.error, secret), ending.error);
  CHECK_MESSAGE(!says(ending.event, secret), ending.event);
  CHECK_MESSAGE(!says(ending.reason, secret), ending.reason);
}

/// Whether `run` comes to its end, tried in a process of its own: what would end the test program ends that one.
template <typename Run>
bool survives(Run run) {
  const pid_t child = fork();
  if (child == 0) {
    for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) std::signal(signal, SIG_DFL);
    try {
      run();
    } catch (...) {
      _exit(2);
    }
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

// ==================================================================================================== Texts that are
// no frame

TEST_CASE("a frame that is cut off at any byte is rejected, and the frames around it are applied") {
  CacheFixture fixture(everything());
  seed(fixture);
  Witness witness(fixture);
  const std::string whole = frame_of("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7","name":")" +
                                                              std::string(secret) + R"(","tags":{"bot_id":null}}})");
  const json before = state_of(fixture);
  std::vector<const Ending*> cut;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    cut.push_back(&fixture.feed(std::string_view(whole).substr(0, size)));
    if (size % 20 == 0) witness.feed();
  }
  fixture.flush();
  for (const Ending* ending : cut) {
    CHECK(*ending == Outcome::rejected);
    CHECK(ending->event.empty());
    CHECK(says(ending->error, "frame: not valid JSON"));
    check_discretion(*ending);
  }
  CHECK(witness.is_stored());
  CHECK(test::diff(before, state_of(fixture)) == "");
  CHECK(fixture.event_stats("(unknown)").rejected == whole.size());
  CHECK(fixture.apply_frame(whole) == Outcome::applied);
  CHECK(fixture.exists(6, "7"));
  check_discretion(fixture);
}

TEST_CASE("a text that is JSON but no frame is rejected") {
  CacheFixture fixture;
  for (std::string_view text : {"", " ", "null", "true", "0", "1e5", "\"S3CRET-T0KEN\"", "[]", "[{\"op\":0}]",
                                "[[[[[[\"S3CRET-T0KEN\"]]]]]]", "{", "}", "{\"op\":0,\"t\":\"RESUMED\",\"d\":{}}}",
                                "{\"op\":0,\"t\":\"RESUMED\",\"d\":{}}{}", "S3CRET-T0KEN", "\xEF\xBB\xBF{}", "\xFF"}) {
    CAPTURE(text);
    const Ending& ending = fixture.apply_frame(text);
    CHECK(ending == Outcome::rejected);
    CHECK(says(ending.error, "invalid_payload: frame: "));
    check_discretion(ending);
  }
  CHECK(fixture.commands_sent() == 0);
  check_discretion(fixture);
}

TEST_CASE("an object without the name of an event is rejected, and says which field it lacks") {
  CacheFixture fixture;
  for (std::string_view text :
       {R"({})", R"({"op":0})", R"({"op":0,"d":{}})", R"({"op":0,"t":null,"d":{}})", R"({"t":5,"d":{}})",
        R"({"t":["READY"],"d":{}})", R"({"t":{"S3CRET-T0KEN":1},"d":{}})"}) {
    CAPTURE(text);
    const Ending& ending = fixture.apply_frame(text);
    CHECK(ending == Outcome::rejected);
    CHECK(says(ending.error, "invalid_payload: t: "));
    check_discretion(ending);
  }
  check_discretion(fixture);
}

TEST_CASE("frames of other operations are ignored, and an operation that is no number is rejected") {
  CacheFixture fixture;
  for (std::string_view text : {R"({"op":10,"d":{"heartbeat_interval":41250}})", R"({"op":11})", R"({"op":1,"d":null})",
                                R"({"op":7,"t":null,"s":null,"d":null})", R"({"op":9,"d":false})", R"({"op":-1})",
                                R"({"op":9223372036854775807,"t":"GUILD_CREATE","d":{"id":"1"}})",
                                R"({"op":2,"t":"GUILD_CREATE","s":5,"d":{"id":"S3CRET-T0KEN"}})"}) {
    CAPTURE(text);
    CHECK(fixture.apply_frame(text).ignored_as("not a dispatch"));
  }
  for (std::string_view op : {"\"0\"", "0.0", "0.5", "true", "[]", "{}", "18446744073709551616", "\"S3CRET-T0KEN\""}) {
    CAPTURE(op);
    const Ending& ending = fixture.apply_frame(R"({"op":)" + std::string(op) + R"(,"t":"RESUMED","d":{}})");
    CHECK(ending == Outcome::rejected);
    CHECK(says(ending.error, "op: "));
    check_discretion(ending);
  }
  CHECK(fixture.event_stats("(not a dispatch)").ignored == 8);
  CHECK(fixture.event_stats("(not a dispatch)").rejected == 8);
  CHECK(fixture.commands_sent() == 0);
  CHECK(fixture.apply_frame(R"({"t":"GUILD_ROLE_CREATE","d":{"guild_id":"1","role":{"id":"2"}}})") == Outcome::applied);
}

TEST_CASE("an event that Discord does not document is ignored, whatever it holds") {
  CacheFixture fixture;
  for (std::string_view name : {"S3CRET-T0KEN", "", "guild_create", "GUILD_CREATE ", "PRESENCES_REPLACE", "\\u0000",
                                "GUILD_CREATE\\u0000", "\xF0\x9F\x98\x80"}) {
    for (std::string_view data : {"{}", "null", "[]", "5", "\"S3CRET-T0KEN\"", R"({"id":"not an id"})"}) {
      CAPTURE(name);
      const Ending& ending = fixture.apply_frame(frame_of(name, data));
      CHECK(ending.ignored_as("unknown event"));
      check_discretion(ending);
    }
  }
  CHECK(fixture.event_stats("(unknown)").ignored == 48);
  CHECK(fixture.apply_frame(R"({"op":0,"t":"S3CRET-T0KEN"})").ignored_as("unknown event"));
  // An event that changes nothing is not looked into.
  for (std::string_view data : {"{}", "null", "[]", "5"})
    CHECK(fixture.apply_frame(frame_of("TYPING_STOP", data)).ignored_as("unknown event"));
  for (std::string_view data : {"{}", "null", "[]", "5"})
    CHECK(fixture.apply_frame(frame_of("WEBHOOKS_UPDATE", data)).ignored_as("nothing to cache"));
  CHECK(fixture.commands_sent() == 0);
  check_discretion(fixture);
}

TEST_CASE("bytes that are no UTF-8 reject the frame wherever they stand") {
  CacheFixture fixture(everything());
  seed(fixture);
  const json before = state_of(fixture);
  Witness witness(fixture);
  for (std::string_view bad : {"\xFF"sv, "\xC3"sv, "\xC0\x80"sv, "\xED\xA0\x80"sv, "\xF4\x90\x80\x80"sv, "\x80"sv,
                               "\\u0000\xFF"sv, "aaaaaaaaaaaaaaaaaaaaaaaaaaa\xE2\x82"sv}) {
    const std::string text(bad);
    for (const std::string& frame :
         {frame_of("GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7001","name":")" + text + "\"}}"),
          frame_of("GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7001",")" + text + "\":1}}"),
          frame_of("GUILD_ROLE_UPDATE",
                   R"({"guild_id":"100","role":{"id":"7001"},"x":[[[[[[[[[")" + text + "\"]]]]]]]]]}"),
          frame_of("GUILD_ROLE_UPDATE" + text, R"({"guild_id":"100","role":{"id":"7001"}})"),
          R"({"op":0,"x":")" + text + R"(","t":"GUILD_ROLE_UPDATE","d":{"guild_id":"100","role":{"id":"7001"}}})"}) {
      witness.feed();
      const Ending& ending = fixture.apply_frame(frame);
      CHECK_MESSAGE(ending == Outcome::rejected, ending);
      CHECK(says(ending.error, "UTF-8"));
    }
  }
  CHECK(witness.is_stored());
  CHECK(test::diff(before, state_of(fixture)) == "");
  CHECK(breach_of_layout(fixture) == "");
}

TEST_CASE("a frame that is nested a hundred thousand levels deep is rejected, one of 64 levels is stored whole") {
  CacheFixture fixture;
  seed(fixture);
  for (const auto& [open, close] : {std::pair{"["s, "]"s}, {R"({"a":)"s, "}"s}}) {
    for (std::size_t levels : {70u, 1000u, 100'000u}) {
      std::string nested;
      for (std::size_t i = 0; i < levels; ++i) nested += open;
      nested += "1";
      for (std::size_t i = 0; i < levels; ++i) nested += close;
      for (const std::string& frame :
           {frame_of("GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7001","x":)" + nested + "}}"),
            frame_of("RESUMED", nested), nested, frame_of("UNKNOWN", nested),
            R"({"op":0,"d":)" + nested + R"(,"t":"RESUMED"})"}) {
        const Ending& ending = fixture.apply_frame(frame);
        CHECK_MESSAGE(ending == Outcome::rejected, ending);
        CHECK(says(ending.error, "nested deeper than 64 levels"));
      }
    }
  }
  // The frame, its data and the role are three levels.
  const std::string allowed = std::string(61, '[') + std::string(61, ']');
  CHECK(fixture.apply_frame(frame_of("GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7001","x":)" + allowed +
                                                              "}}")) == Outcome::applied);
  CHECK(fixture.json_at(6, "7001")["x"].dump() == allowed);
}

TEST_CASE("a frame of 64 MiB is stored whole or rejected whole, and the frames around it are applied") {
  CacheFixture fixture;
  seed(fixture);
  Witness witness(fixture);
  constexpr std::size_t size = 64u << 20;
  std::string frame = frame_of("MESSAGE_CREATE", R"({"id":"901","channel_id":"200","guild_id":"100","content":")" +
                                                     std::string(size, 'x') + "\"}");
  const Ending& first = witness.feed();
  const Ending& large = fixture.feed(frame);
  fixture.flush();  // Until it is through, its shard is at its capacity.
  CHECK(first == Outcome::applied);
  CHECK(large == Outcome::applied);
  fixture.client.select(10);
  CHECK(fixture.client.command("STRLEN", "901").integer > static_cast<std::int64_t>(size));
  CHECK(fixture.client.command("GETRANGE", "901", "-4", "-1").text == "xx\"}");
  fixture.client.command("DEL", "901");
  fixture.client.select(0);

  frame[frame.size() - 4] = '\x01';
  const Ending& broken = fixture.feed(frame);
  witness.feed();
  fixture.flush();
  CHECK(broken == Outcome::rejected);
  CHECK(witness.is_stored());
  CHECK_FALSE(fixture.exists(10, "901"));
  fixture.run_until_answered();
}

TEST_CASE("a frame that is larger than its limit is rejected, and one of the limit is not") {
  Options options;
  options.frame_bytes_max = 1000;
  CacheFixture fixture(std::move(options));
  const std::string empty = frame_of("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7","name":""}})");
  const auto sized = [&](std::size_t size) {
    return frame_of("GUILD_ROLE_CREATE",
                    R"({"guild_id":"100","role":{"id":"7","name":")" + std::string(size - empty.size(), 'x') + "\"}}");
  };
  const Ending& large = fixture.apply_frame(sized(1001));
  CHECK(large == Outcome::rejected);
  CHECK(says(large.error, "frame_bytes_max"));
  CHECK_FALSE(fixture.exists(6, "7"));
  CHECK(fixture.apply_frame(sized(1000)) == Outcome::applied);
  CHECK(fixture.exists(6, "7"));
}

TEST_CASE("a flood of tiny values in one frame is rejected rather than kept") {
  CacheFixture fixture;
  std::string zeros = "[0";
  for (int i = 0; i < 1'000'000; ++i) zeros += ",0";
  zeros += "]";
  const Ending& ending =
      fixture.apply_frame(frame_of("MESSAGE_DELETE_BULK", R"({"channel_id":"1","ids":)" + zeros + "}"));
  CHECK(ending == Outcome::rejected);
  CHECK(fixture.commands_sent() == 0);
}

// ============================================================================================================== NUL
// bytes

TEST_CASE("a raw NUL byte rejects the frame, in a string, between values and behind it") {
  CacheFixture fixture;
  const std::string whole = frame_of("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7","name":"n"}})");
  for (std::size_t at = 0; at <= whole.size(); ++at) {
    std::string frame = whole;
    frame.insert(at, 1, '\0');
    CAPTURE(at);
    CHECK(fixture.feed(frame).told == false);
  }
  fixture.feed(whole + "\0garbage S3CRET-T0KEN"s);
  fixture.flush();
  CHECK(fixture.event_stats("(unknown)").rejected == whole.size() + 2);
  CHECK_FALSE(fixture.exists(6, "7"));
}

TEST_CASE("an escaped NUL is a character: kept in names and codes, and no part of an id") {
  CacheFixture fixture;
  CHECK(fixture.apply_frame(frame_of("GUILD_ROLE_CREATE",
                                     R"({"guild_id":"100","role":{"id":"7","name":"a\u0000b"}})")) == Outcome::applied);
  CHECK(fixture.json_at(6, "7")["name"] == "a\0b"s);
  CHECK(fixture.apply_frame(frame_of("INVITE_CREATE", R"({"code":"a\u0000b","channel_id":"200","max_age":0})")) ==
        Outcome::applied);
  CHECK(fixture.exists(3, "a\0b"sv));
  CHECK(fixture.members_of(9, "2:200:3") == std::vector{"a\0b"s});
  CHECK(fixture.apply_frame(frame_of("INVITE_DELETE", R"({"code":"a\u0000b","channel_id":"200"})")) ==
        Outcome::applied);
  CHECK_FALSE(fixture.exists(3, "a\0b"sv));
  CHECK_FALSE(fixture.exists(9, "2:200:3"));
  const Ending& ending =
      fixture.apply_frame(frame_of("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"8\u0000","name":"n"}})"));
  CHECK(ending == Outcome::rejected);
  CHECK(says(ending.error, "id: is not an id"));
}

// ==================================================================================== The same frame written
// differently

TEST_CASE("the parts of a frame may come in any order") {
  CacheFixture fixture;
  std::array<std::string, 4> parts{R"("op":0)", R"("t":"GUILD_MEMBER_ADD")", "", ""};
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  std::uint64_t number = 0;
  do {
    ++number;
    const std::string id = std::to_string(number);
    parts[2] = R"("s":)" + id;
    parts[3] = R"("d":{"roles":[")" + id + R"("],"user":{"username":"u","id":")" + id + R"("},"guild_id":"100"})";
    std::string frame = "{";
    for (std::size_t part : order) frame += (frame.size() > 1 ? "," : "") + parts[part];
    CAPTURE(frame);
    CHECK(fixture.apply_frame(frame + "}") == Outcome::applied);
    CHECK(fixture.field_at(4, "100", id)["roles"][0] == id);
    CHECK(fixture.json_at(7, id)["username"] == "u");
  } while (std::ranges::next_permutation(order).found);
  CHECK(number == 24);
  CHECK(fixture.stats().shards.at(0).applied_sequence == 24);
}

TEST_CASE("whether the data comes before or behind the name changes nothing for any event") {
  std::vector<std::string> frames = test::generate({.seed = 5, .guilds = 4, .members = 8, .frames = 800});
  json states[2];
  std::vector<Ending> endings[2];
  for (int run = 0; run < 2; ++run) {
    Options options = everything();
    options.secondary_indices = SecondaryIndices::none();  // Their scores are times.
    CacheFixture fixture(std::move(options));
    for (const std::string& text : frames) {
      const json frame = parse(text);
      std::string data = "null";
      // The data as it was sent, because a parser would lose what is sent twice.
      if (frame.contains("d")) data = frame["d"].dump();
      const std::string head =
          R"("op":)" + frame.value("op", json(0)).dump() + R"(,"s":)" + frame.value("s", json()).dump();
      const std::string name = R"("t":)" + frame.value("t", json()).dump();
      const Ending& ending = fixture.feed(run == 0 ? "{" + head + "," + name + R"(,"d":)" + data + "}"
                                                   : R"({"d":)" + data + "," + head + "," + name + "}");
      fixture.flush();
      endings[run].push_back(ending);
    }
    states[run] = fixture.state();
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CAPTURE(frames[i]);
    REQUIRE(endings[0][i].outcome == endings[1][i].outcome);
    REQUIRE(endings[0][i].error == endings[1][i].error);
  }
  CHECK(test::diff(states[0], states[1]) == "");
  CHECK(states[0].size() >= 8);
}

TEST_CASE("keys may be written with escapes") {
  CacheFixture fixture;
  CHECK(fixture.apply_frame(R"({"\u006fp":0,"\u0074":"GUILD_ROLE_CREATE","\u0073":1,"\u0064":{"gu\u0069ld_id":"100",)"
                            R"("r\u006fle":{"\u0069d":"7","n\u0061me":"n"}}})") == Outcome::applied);
  CHECK(fixture.json_at(6, "7") == json{{"guild_id", "100"}, {"id", "7"}, {"name", "n"}});
  CHECK(fixture.members_of(9, "1:100:6") == std::vector{"7"s});
  // A guild_id of its own is replaced however it is written: the outer one wins.
  CHECK(fixture.apply_frame(frame_of(
            "GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"8","gu\u0069ld_id":"999"}})")) == Outcome::applied);
  CHECK(fixture.json_at(6, "8") == json{{"guild_id", "100"}, {"id", "8"}});
  CHECK(fixture.apply_frame(frame_of(
            "GUILD_CREATE", R"({"id":"100","name":"n","m\u0065mbers":[{"user":{"id":"5"}}],"r\u006fles":[]})")) ==
        Outcome::applied);
  CHECK(fixture.json_at(1, "100") == json{{"id", "100"}, {"name", "n"}, {"unavailable", false}});
  CHECK(fixture.members_of(4, "100") == std::vector{"5"s});
  CHECK(fixture.members_of(9, "1:100:6").empty());
}

TEST_CASE("values may be written with escapes: ids, codes and what a presence says") {
  CacheFixture fixture;
  CHECK(fixture.apply_frame(frame_of("GUILD_ROLE_CREATE", R"({"guild_id":"1\u00300","role":{"id":"\u0037"}})")) ==
        Outcome::applied);
  CHECK(fixture.json_at(6, "7")["guild_id"] == "100");
  fixture.apply("PRESENCE_UPDATE", parse(R"({"guild_id":"100","user":{"id":"5"},"status":"online"})"));
  CHECK(fixture.members_of(5, "100").size() == 1);
  CHECK(fixture.apply_frame(frame_of(
            "PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"\u006fffline"})")) == Outcome::applied);
  CHECK(fixture.members_of(5, "100").empty());
  CHECK(fixture.apply_frame(frame_of("INVITE_CREATE", R"({"code":"\u0061Bc","channel_id":"200","max_age":0})")) ==
        Outcome::applied);
  CHECK(fixture.exists(3, "aBc"));
}

TEST_CASE("the name of an event may be written with escapes") {
  CacheFixture fixture;
  CHECK(fixture.apply_frame(R"({"op":0,"t":"GUILD_R\u004fLE_CREATE","d":{"guild_id":"100","role":{"id":"7"}}})") ==
        Outcome::applied);
  CHECK(fixture.exists(6, "7"));
}

TEST_CASE("the last of two members with one key counts, in the frame and in its data") {
  CacheFixture fixture;
  CHECK(fixture.apply_frame(
            R"({"op":10,"op":0,"t":"RESUMED","t":"GUILD_ROLE_CREATE","d":5,)"
            R"("d":{"guild_id":"1","guild_id":"100","role":[],"role":{"id":"6","name":"a","id":"7"}}})") ==
        Outcome::applied);
  CHECK(fixture.json_at(6, "7") == json{{"guild_id", "100"}, {"id", "7"}, {"name", "a"}});
  CHECK_FALSE(fixture.exists(6, "6"));
  CHECK(fixture.members_of(9, "1:100:6") == std::vector{"7"s});
  CHECK(fixture.apply_frame(R"({"op":0,"op":10,"t":"GUILD_ROLE_DELETE","d":{"guild_id":"100","role_id":"7"}})")
            .ignored_as("not a dispatch"));
  CHECK(fixture.exists(6, "7"));

  // Records are stored as they are sent; whoever reads them takes the last as well.
  CHECK(fixture.apply_frame(frame_of(
            "GUILD_ROLE_CREATE",
            R"({"guild_id":"100","role":{"id":"8","guild_id":"1","guild_id":"2","x":1,"x":2}})")) == Outcome::applied);
  CHECK(fixture.json_at(6, "8") == json{{"guild_id", "100"}, {"id", "8"}, {"x", 2}});
}

TEST_CASE("a second name behind the data does not make the event lose what is deep in it") {
  CacheFixture fixture;
  seed(fixture);
  const Ending& ending =
      fixture.apply_frame(R"({"op":0,"t":"RESUMED","d":)" + guild().dump() + R"(,"t":"GUILD_CREATE"})");
  // It may be rejected. Applied, it is a GUILD_CREATE like any other.
  if (ending == Outcome::applied) {
    CHECK(fixture.members_of(9, "1:100:6") == std::vector{"100"s, "7001"s});
    CHECK(fixture.members_of(4, "100") == std::vector{"5"s, "6"s, "9"s});
    CHECK(fixture.members_of(9, "1:100:2") == std::vector{"200"s, "201"s, "202"s});
  } else {
    CHECK(ending == Outcome::rejected);
  }
}

// =====================================================================================================================
// Ids

TEST_CASE("ids may be numbers, and keep all of their 64 bits") {
  CacheFixture fixture(everything());
  const std::string_view largest = "18446744073709551615";
  for (std::string_view id :
       {"1155900971008655361", "9007199254740993", "9223372036854775808", "18446744073709551615", "1"}) {
    CAPTURE(id);
    const std::string text(id);
    CHECK(fixture.apply_frame(frame_of("GUILD_ROLE_CREATE", R"({"guild_id":)" + text + R"(,"role":{"id":)" + text +
                                                                R"(,"name":"r"}})")) == Outcome::applied);
    CHECK(fixture.json_at(6, id)["guild_id"] == id);
    CHECK(fixture.members_of(9, "1:" + text + ":6") == std::vector{text});
    CHECK(fixture.apply_frame(frame_of("MESSAGE_CREATE", R"({"id":)" + text + R"(,"channel_id":)" + text +
                                                             R"(,"guild_id":)" + text + R"(,"author":{"id":)" + text +
                                                             R"(,"username":"u"},"member":{}})")) == Outcome::applied);
    CHECK(fixture.json_at(10, id)["content"].is_null());
    CHECK(fixture.json_at(7, id)["username"] == "u");
    CHECK(fixture.field_at(4, id, id)["guild_id"] == id);
    CHECK(fixture.apply_frame(frame_of("VOICE_STATE_UPDATE", R"({"guild_id":)" + text + R"(,"user_id":)" + text +
                                                                 R"(,"channel_id":)" + text + "}")) ==
          Outcome::applied);
    CHECK(fixture.field_at(8, id, id)["guild_id"] == id);
    CHECK(fixture.members_of(9, "2:" + text + ":8") == std::vector{text, "KEY." + text});
  }
  CHECK(fixture.apply_frame(frame_of("MESSAGE_DELETE_BULK", R"({"channel_id":"1","guild_id":"1","ids":[1,")" +
                                                                std::string(largest) + "\"]}")) == Outcome::applied);
  CHECK_FALSE(fixture.exists(10, "1"));
  CHECK_FALSE(fixture.exists(10, largest));
  CHECK(fixture.exists(10, "9007199254740993"));
  CHECK(breach_of_layout(fixture) == "");
}

TEST_CASE("what is no id rejects the frame, wherever an id belongs") {
  CacheFixture fixture(everything());
  seed(fixture);
  const json before = state_of(fixture);
  Witness witness(fixture);
  fixture.commands_sent();
  int rejected = 0;
  for (std::string_view id : {"-1",
                              "\"-1\"",
                              "18446744073709551616",
                              "\"18446744073709551616\"",
                              "1e3",
                              "1.0",
                              "\"1.0\"",
                              "1.5",
                              "\"\"",
                              "\" 1\"",
                              "\"1 \"",
                              "\"007\"",
                              "\"0x10\"",
                              "\"S3CRET-T0KEN\"",
                              "true",
                              "[]",
                              "[\"1\"]",
                              "{}",
                              "{\"id\":\"1\"}",
                              "\"123456789012345678901234567890\"",
                              "\"\xD9\xA1\"",
                              "\"1\\n\"",
                              "\"null\""}) {
    const std::string bad(id);
    for (const auto& each : {
             std::pair{"GUILD_ROLE_CREATE"sv, R"({"guild_id":)" + bad + R"(,"role":{"id":"1"}})"},
             {"GUILD_ROLE_CREATE"sv, R"({"guild_id":"100","role":{"id":)" + bad + "}}"},
             {"GUILD_CREATE"sv, R"({"id":)" + bad + "}"},
             {"GUILD_CREATE"sv,
              R"({"id":"100","members":[{"user":{"id":"5","username":"u"}},{"user":{"id":)" + bad + "}}]}"},
             {"MESSAGE_DELETE_BULK"sv, R"({"channel_id":"200","ids":["900",)" + bad + "]}"},
             {"MESSAGE_CREATE"sv, R"({"id":"1","channel_id":"200","author":{"username":"u","id":)" + bad + "}}"},
             {"VOICE_STATE_UPDATE"sv, R"({"guild_id":"100","user_id":"5","channel_id":)" + bad + "}"},
             {"CHANNEL_CREATE"sv, R"({"id":"1","guild_id":)" + bad + "}"},
         }) {
      const std::string_view event = each.first;
      const std::string& data = each.second;
      CAPTURE(event);
      CAPTURE(data);
      const Ending& ending = fixture.apply_frame(frame_of(event, data));
      CHECK_MESSAGE(ending == Outcome::rejected, ending);
      CHECK(ending.event == event);
      check_discretion(ending);
      ++rejected;
    }
  }
  CHECK(fixture.commands_sent() == 0);
  CHECK(rejected == 23 * 8);
  witness.feed();
  fixture.flush();
  CHECK(witness.is_stored());
  CHECK(test::diff(before, state_of(fixture)) == "");
  check_discretion(fixture);
}

// ======================================================================================================== Sequence
// numbers

TEST_CASE("a sequence number that is none rejects the frame and moves no mark") {
  CacheFixture fixture;
  const auto frame = [](std::string_view s) {
    return R"({"op":0,"t":"GUILD_ROLE_CREATE","s":)" + std::string(s) + R"(,"d":{"guild_id":"100","role":{"id":"7"}}})";
  };
  CHECK(fixture.apply_frame(frame("5")) == Outcome::applied);
  for (std::string_view s : {"-1", "1.5", "1e9", "\"6\"", "\"S3CRET-T0KEN\"", "true", "[]", "{}",
                             "-9223372036854775809", "18446744073709551616", "99999999999999999999999999"}) {
    CAPTURE(s);
    const Ending& ending = fixture.apply_frame(frame(s));
    CHECK(ending == Outcome::rejected);
    CHECK(ending.event == "GUILD_ROLE_CREATE");
    CHECK(says(ending.error, "s: is not a sequence number"));
    check_discretion(ending);
  }
  CHECK(fixture.stats().shards.at(0).received_sequence == 5);
  CHECK(fixture.apply_frame(frame("5")).ignored_as("duplicate"));
  CHECK(fixture.apply_frame(frame("6")) == Outcome::applied);
  // Without a number there is no check.
  CHECK(fixture.apply_frame(frame("null")) == Outcome::applied);
  CHECK(fixture.apply_frame(frame("0")) == Outcome::applied);
}

TEST_CASE("numbers may leap, and after the largest one only a new session goes on") {
  CacheFixture fixture;
  const auto frame = [](std::string_view s) {
    return R"({"op":0,"t":"GUILD_ROLE_CREATE","s":)" + std::string(s) + R"(,"d":{"guild_id":"100","role":{"id":"7"}}})";
  };
  CHECK(fixture.apply_frame(frame("1")) == Outcome::applied);
  CHECK(fixture.apply_frame(frame("4294967296")) == Outcome::applied);
  CHECK(fixture.apply_frame(frame("4294967295")).ignored_as("duplicate"));
  CHECK(fixture.apply_frame(frame("9223372036854775807")) == Outcome::applied);
  CHECK(fixture.apply_frame(frame("9223372036854775806")).ignored_as("duplicate"));
  CHECK(fixture.apply_frame(R"({"op":0,"t":"READY","s":1,"d":{"user":{"id":"9","username":"bot"},"guilds":[]}})") ==
        Outcome::applied);
  CHECK(fixture.apply_frame(frame("2")) == Outcome::applied);
  CHECK(fixture.stats().shards.at(0).applied_sequence == 2);
}

TEST_CASE("a rejected frame counts as seen, and holds up nothing behind it") {
  CacheFixture fixture;
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}}, 1) == Outcome::rejected);
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "7"}}}}, 1).ignored_as("duplicate"));
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "7"}}}}, 2) == Outcome::applied);
  CHECK(fixture.stats().shards.at(0).received_sequence == 2);
  CHECK(fixture.stats().shards.at(0).applied_sequence == 2);
}

// ============================================================================================================ Event by
// event

namespace {

struct Case {
  std::string_view event;
  std::string data;  ///< Valid, and with every field that its handler looks at.
  /// Fields without which the event means nothing: rejected when they are missing, null or of another type.
  std::vector<std::string> required;
  /// Fields that may be missing or null: rejected when they are of another type.
  std::vector<std::string> optional = {};
};

const std::string user5 = R"({"id":"5","username":"u5"})";

std::vector<Case> cases() {
  const std::string member_of_guild = R"({"guild_id":"100","user":)" + user5 + R"(,"roles":["7001"]})";
  const std::vector<std::string> member_fields{"/guild_id", "/user", "/user/id"};
  const std::string channel = R"({"id":"203","guild_id":"100","type":0,"recipients":[)" + user5 + "]}";
  const std::string role = R"({"guild_id":"100","role":{"id":"7003","name":"r"}})";
  const std::string vote = R"({"user_id":"5","channel_id":"200","message_id":"900","guild_id":"100","answer_id":1})";
  const std::vector<std::string> vote_fields{"/user_id", "/channel_id", "/message_id", "/answer_id"};
  const std::string reaction =
      R"({"user_id":"5","channel_id":"200","message_id":"900","guild_id":"100","burst":false,"emoji":{"id":null,"name":"x"}})";
  const std::vector<std::string> reaction_fields{"/user_id", "/channel_id", "/message_id", "/emoji"};
  const std::vector<std::string> of_message{"/channel_id", "/message_id"};
  const std::string thread = R"({"id":"251","guild_id":"100","type":11,"parent_id":"200","newly_created":true,)"
                             R"("member":{"flags":1},"thread_metadata":{"archived":false}})";
  const std::vector<std::string> thread_options{"/guild_id", "/parent_id", "/member", "/thread_metadata"};
  const std::string sound = R"({"sound_id":"404","guild_id":"100","user":)" + user5 + "}";
  const std::string sounds = R"({"guild_id":"100","soundboard_sounds":[)" + sound + "]}";
  const std::vector<std::string> sounds_fields{"/guild_id", "/soundboard_sounds", "/soundboard_sounds/0",
                                               "/soundboard_sounds/0/sound_id"};
  const std::string stage = R"({"id":"405","guild_id":"100","channel_id":"202"})";
  const std::string scheduled = R"({"id":"401","guild_id":"100","name":"e","creator":)" + user5 + "}";
  const std::string interest = R"({"guild_scheduled_event_id":"401","user_id":"5","guild_id":"100"})";
  const std::string integration = R"({"id":"406","guild_id":"100","application":{"bot":)" + user5 + "}}";
  return {
      {"CHANNEL_CREATE", channel, {"/id"}, {"/guild_id", "/recipients"}},
      {"CHANNEL_UPDATE", channel, {"/id"}, {"/guild_id", "/recipients"}},
      {"CHANNEL_DELETE", R"({"id":"202","guild_id":"100","type":2})", {"/id"}, {"/guild_id"}},
      {"CHANNEL_INFO",
       R"({"guild_id":"100","channels":[{"id":"201","status":"s","voice_start_time":5}]})",
       {"/guild_id", "/channels", "/channels/0", "/channels/0/id"}},
      {"CHANNEL_PINS_UPDATE",
       R"({"guild_id":"100","channel_id":"200","last_pin_timestamp":"2024-01-01T00:00:00+00:00"})",
       {"/channel_id"},
       {"/guild_id"}},
      {"GUILD_BAN_ADD", member_of_guild, member_fields},
      {"GUILD_BAN_REMOVE", member_of_guild, member_fields},
      {"GUILD_CREATE",
       guild().dump(),
       {"/id",
        "/roles/0",
        "/roles/0/id",
        "/emojis/0",
        "/emojis/0/id",
        "/channels/0",
        "/channels/0/id",
        "/members/0",
        "/members/0/user",
        "/members/0/user/id",
        "/presences/0",
        "/presences/0/user",
        "/presences/0/user/id",
        "/voice_states/0",
        "/voice_states/0/user_id",
        "/threads/0",
        "/threads/0/id",
        "/stickers/0",
        "/stickers/0/id",
        "/stage_instances/0",
        "/stage_instances/0/id",
        "/guild_scheduled_events/0",
        "/guild_scheduled_events/0/id",
        "/soundboard_sounds/0",
        "/soundboard_sounds/0/sound_id"},
       {"/roles", "/emojis", "/channels", "/members", "/presences", "/voice_states", "/voice_states/0/channel_id",
        "/threads", "/threads/0/parent_id", "/threads/0/thread_metadata", "/threads/0/member", "/stickers",
        "/stage_instances", "/guild_scheduled_events", "/soundboard_sounds"}},
      {"GUILD_DELETE", R"({"id":"100","unavailable":true})", {"/id"}},
      {"GUILD_EMOJIS_UPDATE",
       R"({"guild_id":"100","emojis":[{"id":"301","name":"e","user":)" + user5 + "}]}",
       {"/guild_id", "/emojis", "/emojis/0", "/emojis/0/id"}},
      {"GUILD_MEMBERS_CHUNK",
       R"({"guild_id":"100","members":[{"user":)" + user5 +
           R"(,"roles":[]}],"chunk_index":0,"chunk_count":1,"not_found":["77"],)"
           R"("presences":[{"user":{"id":"5"},"status":"idle"}]})",
       {"/guild_id", "/members", "/members/0", "/members/0/user", "/members/0/user/id", "/presences/0",
        "/presences/0/user", "/presences/0/user/id"},
       {"/presences", "/not_found"}},
      {"GUILD_MEMBER_ADD", member_of_guild, member_fields},
      {"GUILD_MEMBER_REMOVE", member_of_guild, member_fields},
      {"GUILD_MEMBER_UPDATE", member_of_guild, member_fields},
      {"GUILD_ROLE_CREATE", role, {"/guild_id", "/role", "/role/id"}},
      {"GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"7001"})", {"/guild_id", "/role_id"}},
      {"GUILD_ROLE_UPDATE", role, {"/guild_id", "/role", "/role/id"}},
      {"GUILD_UPDATE",
       R"({"id":"100","name":"new","roles":[{"id":"100"}],"emojis":[{"id":"300"}],"stickers":[{"id":"301"}]})",
       {"/id", "/roles/0", "/roles/0/id", "/emojis/0", "/emojis/0/id", "/stickers/0", "/stickers/0/id"},
       {"/roles", "/emojis", "/stickers"}},
      {"INTERACTION_CREATE",
       R"({"id":"1","guild_id":"100","channel_id":"200","channel":{"id":"200","type":0},"message":{"id":"900","channel_id":"200"},)"
       R"("member":{"user":)" +
           user5 +
           R"(,"roles":[]},"user":{"id":"6","username":"u6"},"data":{"id":"2","resolved":{"users":{"6":{"id":"6","username":"u6"}},)"
           R"("members":{"6":{"roles":[]}},"roles":{"7001":{"id":"7001"}},"channels":{"201":{"id":"201"}},)"
           R"("messages":{"900":{"id":"900","channel_id":"200","author":)" +
           user5 + "}}}}}",
       {"/channel/id", "/message/id", "/member/user/id", "/user/id", "/data/resolved/users/6/id",
        "/data/resolved/roles/7001/id", "/data/resolved/channels/201/id", "/data/resolved/messages/900/id"},
       {"/guild_id", "/member", "/user"}},
      {"INVITE_CREATE", invite().dump(), {"/code", "/channel_id"}, {"/guild_id", "/inviter"}},
      {"INVITE_DELETE",
       R"({"code":"aBc","channel_id":"200","guild_id":"100"})",
       {"/code"},
       {"/channel_id", "/guild_id"}},
      {"MESSAGE_CREATE",
       R"({"id":"900","channel_id":"250","guild_id":"100","thread":{"id":"900","parent_id":"250"}})",
       {"/id", "/channel_id", "/thread/id"},
       {"/guild_id", "/thread/parent_id"}},
      {"MESSAGE_CREATE", message().dump(), {"/id", "/channel_id", "/author/id"}, {"/guild_id", "/author", "/mentions"}},
      {"MESSAGE_DELETE", R"({"id":"900","channel_id":"200","guild_id":"100"})", {"/id", "/channel_id"}, {"/guild_id"}},
      {"MESSAGE_DELETE_BULK",
       R"({"ids":["900","901"],"channel_id":"200","guild_id":"100"})",
       {"/ids", "/ids/0", "/ids/1", "/channel_id"},
       {"/guild_id"}},
      {"MESSAGE_POLL_VOTE_ADD", vote, vote_fields, {"/guild_id"}},
      {"MESSAGE_POLL_VOTE_REMOVE", vote, vote_fields, {"/guild_id"}},
      {"MESSAGE_REACTION_ADD", reaction, reaction_fields, {"/guild_id"}},
      {"MESSAGE_REACTION_REMOVE", reaction, reaction_fields, {"/guild_id"}},
      {"MESSAGE_REACTION_REMOVE_ALL", reaction, of_message, {"/guild_id"}},
      {"MESSAGE_REACTION_REMOVE_EMOJI", reaction, {"/channel_id", "/message_id", "/emoji"}, {"/guild_id"}},
      {"MESSAGE_UPDATE", message().dump(), {"/id", "/channel_id", "/author/id"}, {"/guild_id", "/mentions"}},
      {"PRESENCE_UPDATE",
       R"({"guild_id":"100","user":)" + user5 + R"(,"status":"idle","activities":[]})",
       {"/user", "/user/id"},
       {"/guild_id"}},
      {"READY",
       R"({"v":10,"user":{"id":"9","username":"bot"},"guilds":[{"id":"100","unavailable":true}],"session_id":"s"})",
       {"/user", "/user/id", "/guilds", "/guilds/0", "/guilds/0/id"}},
      {"RATE_LIMITED", R"({"opcode":8,"retry_after":1.5,"meta":{"guild_id":"100","nonce":"1"}})", {}},
      {"RESUMED", R"({"_trace":["x"]})", {}},
      {"THREAD_MEMBERS_UPDATE",
       R"({"id":"250","guild_id":"100","added_members":[{"user_id":"5","member":{"user":)" + user5 +
           R"(,"roles":[]},"presence":{"user":{"id":"5"},"status":"idle"}}]})",
       {"/id", "/guild_id", "/added_members/0", "/added_members/0/member/user/id", "/added_members/0/presence/user",
        "/added_members/0/presence/user/id"},
       {"/added_members", "/added_members/0/member", "/added_members/0/presence", "/added_members/0/user_id"}},
      {"THREAD_MEMBERS_UPDATE",
       R"({"id":"250","guild_id":"100","member_count":2,"removed_member_ids":["9"]})",
       {"/id", "/guild_id"},
       {"/removed_member_ids"}},
      {"THREAD_CREATE", thread, {"/id"}, thread_options},
      {"THREAD_UPDATE", thread, {"/id"}, thread_options},
      {"THREAD_DELETE",
       R"({"id":"250","guild_id":"100","parent_id":"200","type":11})",
       {"/id"},
       {"/guild_id", "/parent_id"}},
      {"THREAD_LIST_SYNC",
       R"({"guild_id":"100","channel_ids":["200"],"threads":[)" + thread + R"(],"members":[{"id":"251","flags":1}]})",
       {"/guild_id", "/channel_ids/0", "/threads", "/threads/0", "/threads/0/id", "/members/0"},
       {"/channel_ids", "/members", "/members/0/id", "/threads/0/parent_id"}},
      {"THREAD_MEMBER_UPDATE", R"({"id":"250","guild_id":"100","user_id":"9","flags":1})", {"/id"}, {"/guild_id"}},
      {"GUILD_STICKERS_UPDATE",
       R"({"guild_id":"100","stickers":[{"id":"302","user":)" + user5 + "}]}",
       {"/guild_id", "/stickers", "/stickers/0", "/stickers/0/id"}},
      {"GUILD_SOUNDBOARD_SOUNDS_UPDATE", sounds, sounds_fields},
      {"SOUNDBOARD_SOUNDS", sounds, sounds_fields},
      {"GUILD_SOUNDBOARD_SOUND_CREATE", sound, {"/guild_id", "/sound_id"}},
      {"GUILD_SOUNDBOARD_SOUND_UPDATE", sound, {"/guild_id", "/sound_id"}},
      {"GUILD_SOUNDBOARD_SOUND_DELETE", sound, {"/guild_id", "/sound_id"}},
      {"STAGE_INSTANCE_CREATE", stage, {"/guild_id", "/id"}, {"/channel_id"}},
      {"STAGE_INSTANCE_UPDATE", stage, {"/guild_id", "/id"}},
      {"STAGE_INSTANCE_DELETE", stage, {"/guild_id", "/id"}},
      {"GUILD_SCHEDULED_EVENT_CREATE", scheduled, {"/guild_id", "/id"}},
      {"GUILD_SCHEDULED_EVENT_UPDATE", scheduled, {"/guild_id", "/id"}},
      {"GUILD_SCHEDULED_EVENT_DELETE", scheduled, {"/guild_id", "/id"}},
      {"GUILD_SCHEDULED_EVENT_USER_ADD", interest, {"/guild_id", "/guild_scheduled_event_id"}},
      {"GUILD_SCHEDULED_EVENT_USER_REMOVE", interest, {"/guild_id", "/guild_scheduled_event_id"}},
      {"INTEGRATION_CREATE", integration, {"/guild_id", "/id"}},
      {"INTEGRATION_UPDATE", integration, {"/guild_id", "/id"}},
      {"INTEGRATION_DELETE", integration, {"/guild_id", "/id"}},
      {"AUTO_MODERATION_RULE_CREATE", stage, {"/guild_id", "/id"}},
      {"AUTO_MODERATION_RULE_UPDATE", stage, {"/guild_id", "/id"}},
      {"AUTO_MODERATION_RULE_DELETE", stage, {"/guild_id", "/id"}},
      {"TYPING_START",
       R"({"guild_id":"100","channel_id":"200","user_id":"5","timestamp":5,"member":{"user":)" + user5 +
           R"(,"roles":[]}})",
       {"/member/user/id"},
       {"/guild_id", "/member", "/user_id"}},
      {"TYPING_START",
       R"({"guild_id":"100","channel_id":"200","user_id":"5","timestamp":5})",
       {"/user_id"},
       {"/guild_id"}},
      {"USER_UPDATE", R"({"id":"9","username":"bot"})", {"/id"}},
      {"VOICE_CHANNEL_START_TIME_UPDATE",
       R"({"id":"201","guild_id":"100","voice_start_time":5})",
       {"/id"},
       {"/guild_id"}},
      {"VOICE_CHANNEL_STATUS_UPDATE", R"({"id":"201","guild_id":"100","status":"s"})", {"/id"}, {"/guild_id"}},
      {"VOICE_STATE_UPDATE",
       R"({"guild_id":"100","channel_id":"202","user_id":"5","member":{"user":)" + user5 + R"(,"roles":[]}})",
       {},
       {"/guild_id", "/channel_id", "/member", "/user_id"}},
      {"VOICE_STATE_UPDATE",
       R"({"guild_id":"100","channel_id":"202","user_id":"5"})",
       {"/user_id"},
       {"/guild_id", "/channel_id"}},
  };
}

/// What is put in place of a field. Nothing: the field is left out.
const std::vector<json>& wrong_values() {
  static const std::vector<json> values{std::string(secret),
                                        "",
                                        true,
                                        -1,
                                        1.5,
                                        json::array(),
                                        json::array({std::string(secret)}),
                                        json::array({json::object()}),
                                        json::object(),
                                        {{"x", std::string(secret)}},
                                        nullptr,
                                        json(json::value_t::discarded)};
  return values;
}

bool is_dropped(const json& value) { return value.is_discarded(); }

/// The data with another value in this place, as text.
std::string with(const json& data, const json::json_pointer& place, const json& value) {
  json changed = data;
  if (!is_dropped(value)) {
    changed[place] = value;
    return changed.dump();
  }
  json& parent = changed[place.parent_pointer()];
  if (parent.is_array()) {
    parent.erase(parent.begin() + std::stoi(place.back()));
  } else {
    parent.erase(place.back());
  }
  return changed.dump();
}

void collect_places(const json& value, const json::json_pointer& here, std::vector<json::json_pointer>& places) {
  if (!here.empty()) places.push_back(here);
  if (value.is_object())
    for (const auto& [key, child] : value.items()) collect_places(child, here / key, places);
  if (value.is_array())
    for (std::size_t i = 0; i < value.size(); ++i) collect_places(value[i], here / i, places);
}

/// Whether a field of this name and of the type of `original` may never be `value`. An id is a string or a number, and
/// -1, 1.5, "" and words are none; any word may be a code.
bool is_wrong(std::string_view field, const json& original, const json& value) {
  if (original.is_object() || original.is_array()) return original.type() != value.type();
  if (original.is_number()) return !value.is_number() || value == -1 || value == 1.5;
  return field != "code" || !value.is_string() || value == "";
}

}  // namespace

TEST_CASE("every event with a handler has a case, and each case is applied as it stands") {
  std::set<std::string_view> tested;
  for (const Case& each : cases()) tested.insert(each.event);
  for (const resources::Row& row : resources::table()) {
    CAPTURE(row.event);
    CHECK(tested.contains(row.event) == !row.changes_nothing());
  }
  CacheFixture fixture(everything());
  for (const Case& each : cases()) {
    CAPTURE(each.event);
    seed(fixture);
    const Ending& ending = fixture.apply(each.event, parse(each.data));
    const bool idle = ending.ignored_as("nothing to do") || ending.ignored_as("nothing to cache");
    CHECK_MESSAGE((ending == Outcome::applied || idle), ending);
    CHECK(breach_of_layout(fixture) == "");
  }
}

TEST_CASE("whatever is missing, null or of another type, an event is applied or rejected whole, and says why") {
  CacheFixture fixture(everything());
  seed(fixture);
  Witness witness(fixture);
  std::size_t applied = 0;
  std::size_t ignored = 0;
  std::size_t rejected = 0;
  for (const Case& each : cases()) {
    CAPTURE(each.event);
    json data = parse(each.data);
    data["zz_" + std::string(secret)] = secret;
    std::vector<json::json_pointer> places;
    collect_places(data, json::json_pointer(), places);
    std::set<std::string> required(each.required.begin(), each.required.end());
    std::set<std::string> optional(each.optional.begin(), each.optional.end());
    for (const std::string& place : each.required) REQUIRE(data.contains(json::json_pointer(place)));
    for (const std::string& place : each.optional) REQUIRE(data.contains(json::json_pointer(place)));

    std::vector<std::string> rejected_frames;
    for (const json::json_pointer& place : places) {
      const json original = data[place];
      for (const json& value : wrong_values()) {
        // An element that is left out of a list is not missing there.
        if (is_dropped(value) && data[place.parent_pointer()].is_array()) continue;
        const std::string frame = frame_of(each.event, with(data, place, value));
        CAPTURE(frame);
        fixture.commands_sent();
        const Ending& ending = fixture.apply_frame(frame);
        check_discretion(ending);
        CHECK(ending.event == each.event);
        const bool absent = is_dropped(value) || value.is_null();
        const bool must_reject =
            (required.contains(place.to_string()) && is_wrong(place.back(), original, value)) ||
            (optional.contains(place.to_string()) && !absent && is_wrong(place.back(), original, value));
        if (must_reject) CHECK_MESSAGE(ending == Outcome::rejected, ending);
        if (ending == Outcome::rejected) {
          ++rejected;
          CHECK(fixture.commands_sent() == 0);
          bool named = false;
          for (json::json_pointer at = json::json_pointer(frame.empty() ? "" : "/d") / place; !at.empty();
               at.pop_back())
            named = named || says(ending.error, "invalid_payload: " + at.back() + ": ");
          // A value that was put there may lack something itself.
          named = named || says(ending.error, "id: is missing") || says(ending.error, "user: is missing");
          CHECK_MESSAGE(named, ending.error);
          rejected_frames.push_back(frame);
        } else {
          CHECK_MESSAGE((ending == Outcome::applied || ending == Outcome::ignored), ending);
          ++(ending == Outcome::applied ? applied : ignored);
          // The next frame finds what the first one found.
          if (ending == Outcome::applied) seed(fixture);
        }
      }
    }
    CHECK(breach_of_layout(fixture) == "");

    // All that were rejected once more, among frames that are applied: nothing of them reaches Redis.
    const json before = state_of(fixture);
    for (std::size_t i = 0; i < rejected_frames.size(); ++i) {
      fixture.feed(rejected_frames[i]);
      if (i % 10 == 0) witness.feed();
    }
    witness.feed();
    fixture.flush();
    CHECK(witness.is_stored());
    CHECK(test::diff(before, state_of(fixture)) == "");
  }
  check_discretion(fixture);
  CHECK(applied > 500);
  CHECK(rejected > 500);
  MESSAGE(applied << " applied, " << ignored << " ignored, " << rejected << " rejected");
}

TEST_CASE("data that is missing or no object rejects every event that needs it") {
  CacheFixture fixture;
  seed(fixture);
  fixture.commands_sent();
  for (const Case& each : cases()) {
    CAPTURE(each.event);
    for (std::string_view data : {"null", "[]", "[{\"id\":\"100\"}]", "\"S3CRET-T0KEN\"", "5", "true"}) {
      const Ending& ending = fixture.apply_frame(frame_of(each.event, data));
      CHECK_MESSAGE(ending == Outcome::rejected, ending);
      CHECK(ending.event == each.event);
      CHECK(says(ending.error, "invalid_payload: d: "));
      check_discretion(ending);
    }
    const Ending& missing = fixture.apply_frame(R"({"op":0,"t":")" + std::string(each.event) + "\"}");
    CHECK(missing == Outcome::rejected);
    CHECK(says(missing.error, "d: is missing"));
  }
  CHECK(fixture.commands_sent() == 0);
}

TEST_CASE("an event that is dispatched without its frame is checked as one with it is") {
  CacheFixture fixture;
  std::vector<Ending> endings;
  const auto dispatch = [&](std::string_view event, std::string_view data) {
    Ending ending;
    const Status status = fixture.shard().dispatch(event, data, std::nullopt, [&ending](const EventResult& result) {
      ending.told = true;
      ending.outcome = result.outcome;
      ending.event = result.event;
      ending.reason = result.reason;
      if (result.error != nullptr) ending.error = describe(*result.error);
    });
    REQUIRE(status.ok());
    fixture.flush();
    check_discretion(ending);
    return ending;
  };
  CHECK(dispatch("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})") == Outcome::applied);
  for (std::string_view data : {"", "{", "null", "[]", "\"S3CRET-T0KEN\"", R"({"guild_id":"100","role":{"id":"7"}}})",
                                "{}", R"({"guild_id":"S3CRET-T0KEN","role":{"id":"7"}})", "{\"guild_id\":\"\xFF\"}"}) {
    CAPTURE(data);
    const Ending ending = dispatch("GUILD_ROLE_CREATE", data);
    CHECK(ending == Outcome::rejected);
    CHECK(ending.event == "GUILD_ROLE_CREATE");
  }
  CHECK(dispatch("S3CRET-T0KEN", "{}").ignored_as("unknown event"));
  CHECK(dispatch("S3CRET-T0KEN", "{") == Outcome::rejected);
  CHECK(dispatch("WEBHOOKS_UPDATE", "[]").ignored_as("nothing to cache"));
  const Status unnamed = fixture.shard().dispatch("", "{}");
  REQUIRE_FALSE(unnamed.ok());
  CHECK(unnamed.error().code == Errc::invalid_argument);
  check_discretion(fixture);
}

// ======================================================================================= Frames that once went to the
// heart

TEST_CASE("an array where an object of members belongs is no crash") {
  CHECK(survives([] {
    CacheFixture fixture(everything());
    seed(fixture);
    fixture.apply("INTERACTION_CREATE",
                  parse(R"({"id":"1","guild_id":"100","data":{"resolved":{"members":[{"roles":[]}],
        "users":[{"id":"6","username":"u6"}],"roles":[{"id":"7"}],"channels":[{"id":"200"}],"messages":[{"id":"900"}]}}})"));
    fixture.close();
  }));
}

TEST_CASE("reactions of a message that are no objects are no crash") {
  for (std::string_view reactions :
       {"[[1]]", "[[[]]]", "[1]", "[\"x\"]", "[null]", "{}", "{\"a\":[1]}", "5", "[{}]", "[[{\"emoji\":1}]]"}) {
    CAPTURE(reactions);
    CHECK(survives([&] {
      CacheFixture fixture(everything());
      json sent = message();
      sent["reactions"] = parse(reactions);
      fixture.apply("MESSAGE_CREATE", sent);
      for (std::string_view event :
           {"MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_EMOJI"})
        for (std::string_view emoji :
             {"{}", R"({"id":null,"name":null})", R"({"id":"5","name":"x"})", R"({"id":[],"name":{}})"})
          fixture.apply(event,
                        {{"user_id", "5"}, {"channel_id", "200"}, {"message_id", "900"}, {"emoji", parse(emoji)}});
      fixture.close();
    }));
  }
}

TEST_CASE("a member of an interaction whose user has no proper id is no crash, and nothing of it is written") {
  for (std::string_view user : {R"({"id":"x"})", R"({})", R"({"id":null,"username":"u"})", R"({"username":"u"})"}) {
    for (bool resolved : {false, true}) {
      const json member = {{"user", parse(user)}, {"roles", json::array()}};
      json interaction = {{"id", "1"}, {"guild_id", "100"}};
      if (resolved) {
        interaction["data"]["resolved"]["members"]["6"] = member;
      } else {
        interaction["member"] = member;
      }
      CAPTURE(interaction.dump());
      CHECK(survives([&] {
        CacheFixture fixture(everything());
        seed(fixture);
        const json before = fixture.state();
        const Ending& ending = fixture.apply("INTERACTION_CREATE", interaction);
        if (ending == Outcome::rejected && !test::diff(before, fixture.state()).empty()) _exit(3);
        fixture.close();
      }));
    }
  }
}

TEST_CASE("counts at the end of their range stay numbers") {
  CHECK(survives([] {
    for (std::string_view count :
         {"9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e300", "\"5\""}) {
      CacheFixture fixture(everything());
      json created = guild();
      json sent = message();
      sent["reactions"][0]["count"] = parse(count);
      sent["reactions"][0]["count_details"]["normal"] = parse(count);
      sent["poll"]["results"]["answer_counts"][0]["count"] = parse(count);
      created["member_count"] = parse(count);
      fixture.feed_event("GUILD_CREATE", created);
      fixture.feed_event("MESSAGE_CREATE", sent);
      const json user = {{"id", "77"}, {"username", "u77"}};
      for (std::string_view event : {"GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE", "GUILD_MEMBER_REMOVE"})
        fixture.feed_event(event, {{"guild_id", "100"}, {"user", user}, {"roles", json::array()}});
      const json about = {{"user_id", "5"},
                          {"channel_id", "200"},
                          {"message_id", "900"},
                          {"answer_id", 1},
                          {"emoji", {{"id", nullptr}, {"name", "x"}}}};
      for (std::string_view event : {"MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE",
                                     "MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE", "MESSAGE_POLL_VOTE_REMOVE"})
        fixture.feed_event(event, about);
      fixture.flush();
      if (count == "9223372036854775807") {
        const json stored = fixture.json_at(10, "900");
        if (fixture.json_at(1, "100")["member_count"] < 1'000'000) _exit(4);
        if (stored["reactions"].empty() || stored["reactions"][0]["count"] < 1'000'000) _exit(5);
        if (stored["poll"]["results"]["answer_counts"][0]["count"] < 1'000'000) _exit(6);
      }
      if (!breach_of_layout(fixture).empty()) _exit(3);
      fixture.close();
    }
  }));
}

TEST_CASE("a mention that brings a member with a user of its own is no reason to reject a message") {
  CacheFixture fixture(everything());
  seed(fixture);
  json sent = message();
  sent["mentions"][0]["member"]["user"] = {{"id", "6"}, {"username", "u6"}};
  const Ending& ending = fixture.apply("MESSAGE_CREATE", sent);
  CHECK_MESSAGE(ending == Outcome::applied, ending);
  CHECK(fixture.field_at(4, "100", "6")["user"] == json{{"id", "6"}, {"username", "u6"}});
}

TEST_CASE("stored values that are not what they should be are treated as absent, and not quoted") {
  CacheFixture fixture(everything());
  seed(fixture);
  for (std::string_view garbage : {"S3CRET-T0KEN", "", "[]", "5", "null", "\"x\"", "{\"id\":", "{\"a\":\"\xFF\"}"}) {
    CAPTURE(garbage);
    for (const auto& [database, key] : {std::pair{1, "100"}, {2, "200"}, {10, "900"}}) {
      fixture.client.select(database);
      fixture.client.command("SET", key, garbage);
    }
    for (int database : {4, 8}) {
      fixture.client.select(database);
      for (std::string_view user : {"5", "6"}) fixture.client.command("HSET", "100", user, garbage);
    }
    fixture.client.select(0);
    for (const Case& each : cases()) {
      CAPTURE(each.event);
      const Ending& ending = fixture.apply(each.event, parse(each.data));
      CHECK_MESSAGE((ending == Outcome::applied || ending == Outcome::ignored), ending);
    }
    seed(fixture);
  }
  check_discretion(fixture);
  CHECK(std::ranges::any_of(fixture.logged, [](const std::string& line) { return says(line, "invalid_data_found"); }));
}

// ================================================================================================================
// Mutations

namespace {

/// The frame with its parts in the usual order, unless it has none.
std::string text_of(const json& frame) {
  const auto text = [](const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); };
  if (!frame.is_object() || !frame.contains("t") || !frame.contains("d")) return text(frame);
  std::string parts = "{";
  for (std::string_view key : {"t", "s", "op", "d"}) {
    if (!frame.contains(key)) continue;
    if (parts.size() > 1) parts += ',';
    parts += "\"" + std::string(key) + "\":" + text(frame[std::string(key)]);
  }
  return parts + "}";
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string of(const json& frame) {
    if (random_.one_in(3)) return bytes(text_of(frame));
    const json changed = values(frame);
    return random_.one_in(8) ? changed.dump(-1, ' ', false, json::error_handler_t::replace) : text_of(changed);
  }

 private:
  std::string bytes(std::string frame) {
    static constexpr std::string_view alphabet = "{}[]\",:\\/ntfu0123456789.eE+- \n\0\x01\x7F\x80\xC2\xED\xF4\xFF"sv;
    for (std::size_t changes = random_.between(1, 3); changes > 0 && !frame.empty(); --changes) {
      const std::size_t at = random_.below(frame.size());
      switch (random_.below(6)) {
        case 0:
          frame.erase(at, random_.between(1, 8));
          break;
        case 1:
          frame.insert(at, 1, alphabet[random_.below(alphabet.size())]);
          break;
        case 2:
          frame[at] = static_cast<char>(random_.below(256));
          break;
        case 3:
          frame.resize(at);
          break;
        case 4:
          frame.insert(random_.below(frame.size() + 1), frame.substr(at, random_.between(1, 40)));
          break;
        default:
          frame[at] = alphabet[random_.below(alphabet.size())];
      }
    }
    return frame;
  }

  /// Some value in the frame, the deep ones as likely as the others.
  json::json_pointer some_place(const json& frame) {
    json::json_pointer place;
    const json* at = &frame;
    while (at->is_structured() && !at->empty() && (place.empty() || !random_.one_in(5))) {
      auto child = at->begin();
      std::advance(child, random_.below(at->size()));
      if (at->is_object()) {
        place /= child.key();
      } else {
        place /= static_cast<std::size_t>(child - at->begin());
      }
      at = &*child;
    }
    return place;
  }

  json values(json frame) {
    for (std::size_t changes = random_.between(1, 3); changes > 0; --changes) {
      const json::json_pointer place = some_place(frame);
      if (place.empty()) return frame;  // No frame any more.
      switch (random_.below(5)) {
        case 0: {
          json& parent = frame[place.parent_pointer()];
          if (parent.is_object()) parent.erase(place.back());
          break;
        }
        case 1: {  // The value of another place: plausible, and in the wrong one.
          const json copy = frame[some_place(frame)];
          frame[place] = copy;
          break;
        }
        case 2:
          frame[place] = json::array({frame[place]});
          break;
        case 3:
          frame[place] = json{{"x", frame[place]}};
          break;
        default:
          frame[place] = odd_value();
      }
    }
    return frame;
  }

  json odd_value() {
    static const std::vector<json> values{nullptr,
                                          true,
                                          false,
                                          0,
                                          1,
                                          -1,
                                          1.5,
                                          1e300,
                                          "",
                                          "x",
                                          "0",
                                          "1",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          UINT64_MAX,
                                          INT64_MAX,
                                          INT64_MIN,
                                          json::array(),
                                          json::object(),
                                          json::array({1, 2}),
                                          "offline",
                                          "2024-01-01T00:00:00+00:00"};
    return values[random_.below(values.size())];
  }

  Random random_;
};

}  // namespace

TEST_CASE("twenty thousand mutated frames end in one outcome each, and leave a cache that works and closes") {
  std::vector<json> frames;
  for (const std::string& text : test::generate({.seed = 7, .guilds = 4, .members = 6, .frames = 4000})) {
    frames.push_back(parse(text));
    // They come more than once and in any order, so nearly all go without a number.
    if (frames.size() % 50 != 0) frames.back()["s"] = nullptr;
  }
  std::vector<std::string> texts;
  for (const json& frame : frames) texts.push_back(text_of(frame));
  for (const bool all : {true, false}) {
    CAPTURE(all);
    CacheFixture fixture(all ? everything() : Options());
    Mutator mutator(all ? 1 : 2);
    Random random(all ? 3 : 4);
    const std::size_t count = 10'000;
    std::vector<std::uint8_t> told(2 * count, 0);
    std::array<std::uint64_t, 4> outcomes{};
    const auto dispatch = [&](const std::string& frame, std::size_t place) {
      std::uint8_t& mine = told[place];
      const Status status = fixture.shard().dispatch_frame(frame, [&](const EventResult& result) {
        ++mine;
        ++outcomes[static_cast<std::size_t>(result.outcome)];
      });
      REQUIRE(status.ok());
    };
    for (std::size_t i = 0; i < count; ++i) {
      dispatch(mutator.of(frames[random.below(frames.size())]), 2 * i);
      // In order, so that there is a world for the mutants to meet.
      dispatch(texts[i % texts.size()], 2 * i + 1);
      if (i % 100 == 99) fixture.flush();
    }
    fixture.flush();
    CHECK(std::ranges::all_of(told, [](std::uint8_t times) { return times == 1; }));
    CHECK(outcomes[static_cast<std::size_t>(Outcome::applied)] > 1000);
    CHECK(outcomes[static_cast<std::size_t>(Outcome::rejected)] > 1000);
    CHECK(outcomes[static_cast<std::size_t>(Outcome::failed)] == 0);
    fixture.run_until_answered();
    const Stats stats = fixture.stats();
    CHECK(stats.events_pending == 0);
    CHECK(stats.lanes_waiting == 0);
    CHECK(stats.connections_lost == 0);
    CHECK(breach_of_layout(fixture) == "");

    json created = guild();
    CHECK(fixture.apply("GUILD_CREATE", created) == Outcome::applied);
    CHECK(fixture.members_of(9, "1:100:6") == std::vector{"100"s, "7001"s});
    fixture.close();
  }
}
