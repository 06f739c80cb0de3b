// A cache over TLS to a real redis-server: who is accepted, who is refused and how, and what a bad line does.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/proxy.h"
#include "support/tls_server.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

bool says(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

bool has_logged(const CacheFixture& fixture, std::string_view part) {
  for (const std::string& line : fixture.logged)
    if (says(line, part)) return true;
  return false;
}

Json guild(const std::string& id) { return {{"id", id}, {"name", "g"}, {"member_count", 0}}; }

/// Applies an event, and looks at what Redis holds through a connection without TLS.
void check_works(CacheFixture& fixture, const std::string& id = "100") {
  CHECK(fixture.apply("GUILD_CREATE", guild(id)) == Outcome::applied);
  CHECK(fixture.json_at(1, id)["name"] == "g");
}

/// With what opening a cache ends; a cache that does open is tried.
Status opening(CacheFixture& fixture, Options options) {
  Status told;
  bool is_told = false;
  if (!options.log) options.log = [&fixture](LogLevel, std::string_view line) { fixture.logged.emplace_back(line); };
  auto cache = Cache::open(fixture.loop.get(), std::move(options), [&](Status status) {
    told = std::move(status);
    is_told = true;
    uv_stop(fixture.loop.get());
  });
  REQUIRE_MESSAGE(cache.has_value(), (cache ? std::string() : cache.error().text));
  fixture.loop.run_until(is_told);
  return told;
}

/// Opening is refused with these words, at the first attempt rather than when the time is over.
void check_refused(CacheFixture& fixture, Options options, std::string_view words) {
  options.open_timeout = 0ms;
  const Status status = opening(fixture, std::move(options));
  REQUIRE_FALSE(status.ok());
  CAPTURE(status.error().text);
  CHECK(status.error().code == Errc::backend_error);
  CHECK(status.error().cause == Cause::tls);
  CHECK(says(status.error().text, words));
  CHECK(says(status.error().text, "rediss://"));
}

/// An authority and a server with this certificate of it.
struct Secured {
  explicit Secured(const Certificates::Wish& wish = {}, std::vector<std::string> more = {"tls-auth-clients no"})
      : identity(authority.issue(wish)), fixture({}, with_tls(identity, authority, std::move(more))) {}

  Options options(const std::string& host = "localhost") {
    return {.address = fixture.server.tls_address(host), .tls = {.ca_file = authority.ca_file()}};
  }

  Certificates authority;
  Identity identity;
  CacheFixture fixture;
};

std::string address_of(const Proxy& proxy) { return "rediss://127.0.0.1:" + std::to_string(proxy.port()); }

}  // namespace

// ------------------------------------------------------------------------------------------------ Who is accepted

TEST_CASE("events are applied over TLS and can be read back") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  fixture.reopen(secured.options());
  check_works(fixture);
  CHECK(says(fixture.client.command("INFO", "clients").text, "connected_clients:17"));  // Sixteen of them by TLS.
  CHECK(fixture.logged.empty());
  fixture.close();
}

TEST_CASE("the certificate may name an address instead of a host") {
  Secured secured({.names = {}, .addresses = {"127.0.0.1"}});
  secured.fixture.reopen(secured.options("127.0.0.1"));
  check_works(secured.fixture);
  check_refused(secured.fixture, secured.options("localhost"), "another host than \"localhost\"");
}

TEST_CASE("the certificate may be checked for another name than that of the address") {
  Secured secured({.names = {"redis.example.org"}, .addresses = {}});
  check_refused(secured.fixture, secured.options("127.0.0.1"), "another host than \"127.0.0.1\"");
  Options options = secured.options("127.0.0.1");
  options.tls.server_name = "redis.example.org";
  secured.fixture.reopen(std::move(options));
  check_works(secured.fixture);
}

TEST_CASE("authorities may be found in a directory") {
  Secured secured;
  secured.fixture.reopen(
      {.address = secured.fixture.server.tls_address(), .tls = {.ca_directory = secured.authority.ca_directory()}});
  check_works(secured.fixture);
}

TEST_CASE("a server that asks for a certificate gets ours, and refuses us without one") {
  Secured secured({}, {"tls-auth-clients yes"});
  const Identity ours = secured.authority.issue();
  Options options = secured.options();
  options.tls.certificate_file = ours.certificate_file;
  options.tls.key_file = ours.key_file;
  secured.fixture.reopen(std::move(options));
  check_works(secured.fixture);
  check_refused(secured.fixture, secured.options(),
                "the server asks for a client certificate: give tls.certificate_file");

  Certificates stranger("somebody else");
  const Identity theirs = stranger.issue();
  Options unknown = secured.options();
  unknown.tls.certificate_file = theirs.certificate_file;
  unknown.tls.key_file = theirs.key_file;
  check_refused(secured.fixture, std::move(unknown), "does not accept the certificate of tls.certificate_file");
}

TEST_CASE("a server that speaks nothing newer than TLS 1.2 is spoken to in TLS 1.2") {
  Secured secured({}, {"tls-auth-clients yes", "tls-protocols \"TLSv1.2\""});
  check_refused(secured.fixture, secured.options(), "the server asks for a client certificate");
  const Identity ours = secured.authority.issue();
  Options options = secured.options();
  options.tls.certificate_file = ours.certificate_file;
  options.tls.key_file = ours.key_file;
  secured.fixture.reopen(std::move(options));
  check_works(secured.fixture);
}

TEST_CASE("a pinned certificate is accepted whatever it says, and no other is") {
  Secured secured({.names = {"elsewhere"}, .addresses = {}, .begins = -48h, .ends = -24h});
  secured.fixture.reopen(
      {.address = secured.fixture.server.tls_address(), .tls = {.insecure_pinned_sha256 = secured.identity.sha256}});
  check_works(secured.fixture);
  const Identity other = secured.authority.issue();
  check_refused(secured.fixture,
                {.address = secured.fixture.server.tls_address(), .tls = {.insecure_pinned_sha256 = other.sha256}},
                "not the one of tls.insecure_pinned_sha256");
}

TEST_CASE("without verification every server is accepted") {
  Secured secured({.names = {"elsewhere"}, .addresses = {}, .begins = -48h, .ends = -24h});
  secured.fixture.reopen({.address = secured.fixture.server.tls_address(), .tls = {.insecure_no_verification = true}});
  check_works(secured.fixture);
}

TEST_CASE("user and password are sent over TLS") {
  Certificates authority;
  RedisServerOptions server = with_tls(authority.issue(), authority);
  server.password = "p@ss";
  CacheFixture fixture({}, std::move(server));
  CHECK(fixture.client.command("AUTH", "p@ss").text == "OK");
  Options options{.address = "rediss://:p%40ss@127.0.0.1:" + std::to_string(fixture.server.tls_port()),
                  .tls = {.ca_file = authority.ca_file()}};
  fixture.reopen(std::move(options));
  check_works(fixture);
}

// ------------------------------------------------------------------------------------------------ Who is refused

TEST_CASE("opening fails at once when the certificate is not right") {
  Secured expired({.begins = -48h, .ends = -24h});
  check_refused(expired.fixture, expired.options(), "the server's certificate has expired");
  Secured early({.begins = 24h, .ends = 48h});
  check_refused(early.fixture, early.options(), "not valid yet");
  Secured elsewhere({.names = {"elsewhere.example.org"}, .addresses = {"127.0.0.2"}});
  check_refused(elsewhere.fixture, elsewhere.options(), "another host than \"localhost\"");
  check_refused(elsewhere.fixture, elsewhere.options("127.0.0.1"), "another host than \"127.0.0.1\"");
  check_refused(elsewhere.fixture, {.address = elsewhere.fixture.server.tls_address()},
                "not signed by a known authority: give its CA file");
}

TEST_CASE("a Redis without TLS is silent, and the error asks whether it speaks TLS") {
  CacheFixture fixture({}, {.tcp = true});
  const Status status = opening(fixture, {.address = "rediss://127.0.0.1:" + std::to_string(fixture.server.port()),
                                          .connect_timeout = 40ms,
                                          .open_timeout = 400ms});
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().cause == Cause::connect);
  CHECK(says(status.error().text, "no TLS handshake (does the server speak TLS on this port?) within 40 ms"));
}

TEST_CASE("a server that comes back with another certificate is told of, and gets nothing") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  fixture.reopen({.address = fixture.server.tls_address(),
                  .tls = {.insecure_pinned_sha256 = secured.identity.sha256},
                  .log = [&](LogLevel level, std::string_view line) {
                    fixture.logged.push_back((level == LogLevel::error ? "error: " : "") + std::string(line));
                  }});
  check_works(fixture);
  const Identity other = secured.authority.issue();
  fixture.client.command("CONFIG", "SET", "tls-cert-file", other.certificate_file, "tls-key-file", other.key_file);
  fixture.client.command("CLIENT", "KILL", "TYPE", "normal");
  fixture.client.command("SET", "still", "there");
  const Ending& ending = fixture.feed_event("GUILD_CREATE", guild("200"));
  fixture.loop.run_until([&] { return has_logged(fixture, "error: "); });
  CHECK(has_logged(fixture, "backend_error (tls)"));
  CHECK(has_logged(fixture, "not the one of tls.insecure_pinned_sha256"));
  CHECK_FALSE(ending.told);
  CHECK(fixture.json_at(1, "200").is_null());
  // With the right one it goes on where it was.
  fixture.client.command("CONFIG", "SET", "tls-cert-file", secured.identity.certificate_file, "tls-key-file",
                         secured.identity.key_file);
  fixture.flush();
  CHECK(ending == Outcome::applied);
  CHECK(fixture.json_at(1, "200")["name"] == "g");
}

TEST_CASE("options of TLS that cannot work are refused before anything is connected") {
  Certificates authority;
  const auto refused = [](Options options) {
    Loop loop;
    const auto cache = Cache::open(loop.get(), std::move(options));
    REQUIRE_FALSE(cache.has_value());
    CHECK(cache.error().code == Errc::invalid_argument);
    return cache.error().text;
  };
  CHECK(says(refused({.address = "rediss://h", .tls = {.ca_file = "/absent"}}), "tls.ca_file"));
  CHECK(says(refused({.address = "rediss://h", .tls = {.key_file = "/absent"}}), "tls.key_file"));
  CHECK(says(refused({.address = "redis://h", .tls = {.key_file = "/absent"}}), "tls.key_file"));
  CHECK(says(refused({.address = "rediss://h/3", .tls = {}}), "address"));
}

TEST_CASE("options of TLS without an address for it are not used, and a warning says so") {
  CacheFixture fixture({.tls = {.ca_file = "/absent"}});
  check_works(fixture);
  CHECK(has_logged(fixture, "warning: the address does not ask for TLS"));
}

// ------------------------------------------------------------------------------------------------ A bad line

TEST_CASE("a handshake that is cut anywhere is tried again until it works") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    for (const std::size_t bytes : {0, 1, 5, 100, 250, 350, 450, 600, 900, 1300}) {
      if (direction == Direction::to_server && bytes > 450) continue;  // No more is said before all is well.
      CAPTURE(static_cast<int>(direction));
      CAPTURE(bytes);
      Proxy proxy(fixture.loop.get(), fixture.server.tls_port());
      proxy.cut_after(direction, bytes);
      fixture.logged.clear();
      fixture.reopen({.address = address_of(proxy), .tls = {.ca_file = secured.authority.ca_file()}});
      CHECK(fixture.logged.size() == 1);
      CHECK_FALSE(has_logged(fixture, "error: "));
      if (bytes <= 100) CHECK(has_logged(fixture, "backend_error (connect)"));
      if (bytes <= 100) CHECK(has_logged(fixture, "the TLS handshake was cut off"));
      check_works(fixture);
      fixture.close();
    }
  }
}

TEST_CASE("a handshake that goes on for ever ends with the time for connecting") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  Proxy proxy(fixture.loop.get(), fixture.server.tls_port());
  proxy.hold(Direction::to_client);
  const Status status = opening(fixture, {.address = address_of(proxy),
                                          .tls = {.ca_file = secured.authority.ca_file()},
                                          .connect_timeout = 40ms,
                                          .open_timeout = 400ms});
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().cause == Cause::connect);
  CHECK(says(status.error().text, "timed_out"));
  CHECK(proxy.connections() > 11);  // Of eleven databases, more than once.
}

TEST_CASE("what was unanswered when the link was cut is sent again in a new session") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  Proxy proxy(fixture.loop.get(), fixture.server.tls_port());
  fixture.reopen({.address = address_of(proxy), .tls = {.ca_file = secured.authority.ca_file()}});
  check_works(fixture);
  const std::size_t connections = proxy.connections();
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    proxy.hold(Direction::to_client);
    std::vector<const Ending*> endings;
    for (int i = 0; i < 50; ++i)
      endings.push_back(&fixture.feed_event("GUILD_CREATE", guild(std::to_string(1000 + 100 * round + i))));
    const std::size_t sent = proxy.bytes_received(Direction::to_server);
    fixture.loop.run_until([&] { return proxy.bytes_received(Direction::to_server) > sent; });
    CHECK_FALSE(endings.back()->told);
    proxy.cut();
    proxy.release(Direction::to_client);
    fixture.flush();
    for (const Ending* ending : endings) CHECK(*ending == Outcome::applied);
  }
  CHECK(proxy.connections() >= connections + 3);
  CHECK(fixture.stats().connections_lost >= 3);
  CHECK(has_logged(fixture, "backend_error (lost)"));
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 50; ++i) CHECK(fixture.exists(1, std::to_string(1000 + 100 * round + i)));
}

TEST_CASE("bytes that are split anywhere make no difference") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  Proxy proxy(fixture.loop.get(), fixture.server.tls_port());
  proxy.split(Direction::to_server, 7);
  proxy.split(Direction::to_client, 3);
  fixture.reopen({.address = address_of(proxy), .tls = {.ca_file = secured.authority.ca_file()}});
  check_works(fixture);
}

TEST_CASE("a large event waits for a slow server and arrives whole") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  Proxy proxy(fixture.loop.get(), fixture.server.tls_port());
  proxy.limit_held_bytes(1 << 16);
  fixture.reopen({.address = address_of(proxy), .tls = {.ca_file = secured.authority.ca_file()}});
  Json large = guild("100");
  for (int i = 0; i < 5000; ++i)
    large["members"].push_back({{"user", {{"id", std::to_string(5000 + i)}, {"username", std::string(1000, 'u')}}},
                                {"nick", std::string(500, 'n')}});
  large["member_count"] = 5000;
  proxy.hold(Direction::to_server);
  const Ending& ending = fixture.feed_event("GUILD_CREATE", large);
  fixture.loop.run_for_turns(100);
  CHECK_FALSE(ending.told);
  CHECK(proxy.bytes_received(Direction::to_server) < std::size_t{8} << 20);
  proxy.release(Direction::to_server);
  fixture.flush();
  CHECK(ending == Outcome::applied);
  CHECK(proxy.bytes_forwarded(Direction::to_server) > std::size_t{5} << 20);
  CHECK(fixture.members_of(4, "100").size() == 5000);
  CHECK(fixture.field_at(4, "100", "9999")["nick"] == std::string(500, 'n'));
}

TEST_CASE("a cache that is closed in the middle of its handshakes leaves no handle") {
  Secured secured;
  CacheFixture& fixture = secured.fixture;
  for (const int turns : {0, 1, 2, 3, 5, 8}) {
    CAPTURE(turns);
    Loop loop;  // Its end is the check.
    Proxy proxy(loop.get(), fixture.server.tls_port());
    proxy.hold(Direction::to_client);
    proxy.release(Direction::to_client, 500);
    Status told;
    bool is_closed = false;
    auto cache = Cache::open(
        loop.get(),
        {.address = address_of(proxy), .tls = {.ca_file = secured.authority.ca_file()}, .open_timeout = 0ms},
        [&](Status status) { told = std::move(status); });
    REQUIRE(cache.has_value());
    if (turns != 0) loop.run_until([&] { return proxy.connections() > 0; });
    loop.run_for_turns(turns);
    (*cache)->close([&] {
      is_closed = true;
      uv_stop(loop.get());
    });
    loop.run_until(is_closed);
    CHECK_FALSE(told.ok());
  }
}

}  // namespace sake::test
