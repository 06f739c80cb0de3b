// The filter against OpenSSL's own server, both over bytes in memory.

#include "net/tls.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/certificates.h"
#include "support/tls_session.h"

using namespace sake;
using net::TlsContext;
using net::TlsFilter;
using test::Certificates;
using test::Identity;
using Server = test::TlsServerSession;

namespace {

bool says(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::unique_ptr<TlsContext> make(const Tls& options) {
  auto context = TlsContext::make(options);
  REQUIRE_MESSAGE(context, (context ? std::string() : context.error().text));
  return std::move(context).value();
}

/// The client's end: a filter and what goes in and out of it.
struct Client {
  Client(const TlsContext& context, const std::string& host = "localhost") : filter(context, host, out) {}

  std::string taken() {
    std::string bytes(out.view());
    out.clear();
    return bytes;
  }

  /// Everything of this, in pieces.
  void take(std::string_view bytes, std::size_t piece_bytes = std::string_view::npos) {
    while (!bytes.empty() && !error) {
      const std::string piece(bytes.substr(0, piece_bytes));  // A copy of its own: nothing may be looked at later.
      bytes.remove_prefix(piece.size());
      if (Status status = filter.feed(piece); !status) error = status.error();
      while (filter.state() == TlsFilter::State::established) {
        const auto plaintext = filter.read();
        if (!plaintext) error = plaintext.error();
        if (!plaintext || plaintext->empty()) break;
        read += *plaintext;
      }
    }
  }

  /// Runs until neither side has anything more to say.
  void converse(Server& server, std::size_t piece_bytes = std::string_view::npos) {
    if (Status status = filter.start(); !status) error = status.error();
    exchange(server, piece_bytes);
  }
  void exchange(Server& server, std::size_t piece_bytes = std::string_view::npos) {
    for (std::string bytes = taken(); !bytes.empty(); bytes = taken()) {
      std::string answer;
      for (std::size_t at = 0; at < bytes.size(); at += std::min(piece_bytes, bytes.size() - at))
        answer += server.answer(std::string_view(bytes).substr(at, piece_bytes));
      take(answer, piece_bytes);
    }
  }

  base::Buffer out;
  TlsFilter filter;
  std::string read;
  std::optional<Error> error;
};

/// The error with which a handshake ends.
std::string refusal(const Tls& options, Server& server, const std::string& host = "localhost") {
  const auto context = make(options);
  Client client(*context, host);
  client.converse(server);
  REQUIRE(client.error);
  CHECK(client.filter.state() == TlsFilter::State::failed);
  CHECK(client.error->code == Errc::backend_error);
  CHECK(client.error->cause == Cause::tls);
  CHECK(ERR_peek_error() == 0);
  CHECK(server.read.empty());
  return client.error->text;
}

std::string refused_option(const Tls& options) {
  const auto context = TlsContext::make(options);
  REQUIRE_FALSE(context);
  CHECK(context.error().code == Errc::invalid_argument);
  CHECK(ERR_peek_error() == 0);
  return context.error().text;
}

}  // namespace

TEST_CASE("a session is established and carries bytes both ways, however they are split") {
  Certificates authority;
  const Identity identity = authority.issue();
  const auto context = make({.ca_file = authority.ca_file()});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t piece_bytes :
         {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{100}, std::string_view::npos}) {
      CAPTURE(version);
      CAPTURE(piece_bytes);
      Server server(identity, {.version_min = version, .version_max = version});
      Client client(*context);
      CHECK(client.filter.state() == TlsFilter::State::handshaking);
      client.converse(server, piece_bytes);
      REQUIRE(client.filter.state() == TlsFilter::State::established);
      CHECK(server.is_done());
      CHECK(SSL_version(server.ssl()) == version);
      CHECK(client.filter.write("PING\r\n").ok());
      CHECK(client.filter.write("").ok());
      CHECK(client.filter.write("PING\r\n").ok());
      client.exchange(server, piece_bytes);
      CHECK(server.read == "PING\r\nPING\r\n");
      client.take(server.say("+PONG\r\n"), piece_bytes);
      CHECK(client.read == "+PONG\r\n");
      CHECK_FALSE(client.error.has_value());
    }
  }
}

TEST_CASE("large data goes through in records and comes out the same") {
  Certificates authority;
  const auto context = make({.ca_file = authority.ca_file()});
  Server server(authority.issue());
  Client client(*context);
  client.converse(server);
  std::string large;
  for (int i = 0; large.size() < 1'000'000; ++i) large += std::to_string(i);
  CHECK(client.filter.write(large).ok());
  CHECK(client.out.size() < large.size() + large.size() / 100);
  client.exchange(server);
  CHECK(server.read == large);
  client.take(server.say(large));
  CHECK(client.read == large);
}

TEST_CASE("nothing but the handshake is sent before the server is verified") {
  Certificates authority;
  Certificates stranger("somebody else");
  const Identity ours = authority.issue();
  const auto context =
      make({.ca_file = authority.ca_file(), .certificate_file = ours.certificate_file, .key_file = ours.key_file});
  Server server(stranger.issue(), {.client_ca = authority.ca_file()});
  Client client(*context);
  client.converse(server);
  REQUIRE(client.error);
  X509* shown = SSL_get1_peer_certificate(server.ssl());
  CHECK(shown == nullptr);
  CHECK_FALSE(client.filter.write("secret").ok());
  CHECK(client.out.empty());
  CHECK(client.filter.feed("more").error().text == client.error->text);
}

TEST_CASE("a certificate is judged by its dates, its host and its authority") {
  Certificates authority;
  Certificates stranger("somebody else");
  Certificates namesake;  // The same name and another key.
  const Tls options{.ca_file = authority.ca_file()};
  using namespace std::chrono_literals;

  Server expired(authority.issue({.begins = -48h, .ends = -24h}));
  CHECK(says(refusal(options, expired), "has expired"));
  Server early(authority.issue({.begins = 24h, .ends = 48h}));
  CHECK(says(refusal(options, early), "not valid yet"));
  Server other(authority.issue({.names = {"elsewhere.example"}, .addresses = {}}));
  const std::string other_host = refusal(options, other);
  CHECK(says(other_host, "another host than \"localhost\""));
  CHECK(says(other_host, "tls.server_name"));
  Server unknown(stranger.issue());
  CHECK(says(refusal(options, unknown), "not signed by a known authority: give its CA file"));
  Server pretended(namesake.issue());
  const std::string pretended_text = refusal(options, pretended);
  CAPTURE(pretended_text);
  CHECK(says(pretended_text, "not signed by a known authority"));
  Server system(authority.issue());
  CHECK(says(refusal({}, system), "not signed by a known authority"));
}

TEST_CASE("the host is a name or a literal address, and the option names another") {
  Certificates authority;
  const auto established = [&](const Certificates::Wish& wish, const std::string& host,
                               const std::string& server_name) {
    const auto context = make({.ca_file = authority.ca_file(), .server_name = server_name});
    Server server(authority.issue(wish));
    Client client(*context, host);
    client.converse(server);
    const char* asked_for = SSL_get_servername(server.ssl(), TLSEXT_NAMETYPE_host_name);
    return std::pair(client.filter.state() == TlsFilter::State::established,
                     std::string(asked_for == nullptr ? "-" : asked_for));
  };
  using Found = std::pair<bool, std::string>;
  CHECK(established({.names = {"redis.example"}, .addresses = {}}, "redis.example", "") ==
        Found(true, "redis.example"));
  CHECK(established({.names = {"redis.example"}, .addresses = {}}, "redis.example.", "") ==
        Found(true, "redis.example"));
  CHECK(established({.names = {"*.example.org"}, .addresses = {}}, "redis.example.org", "").first);
  CHECK_FALSE(established({.names = {"r*.example.org"}, .addresses = {}}, "redis.example.org", "").first);
  CHECK_FALSE(established({.names = {"127.0.0.1"}, .addresses = {}}, "127.0.0.1", "").first);
  CHECK(established({.names = {}, .addresses = {"127.0.0.1"}}, "127.0.0.1", "") == Found(true, "-"));
  CHECK(established({.names = {}, .addresses = {"::1"}}, "::1", "") == Found(true, "-"));
  CHECK(established({.names = {}, .addresses = {"fe80::1"}}, "fe80::1%eth0", "") == Found(true, "-"));
  CHECK_FALSE(established({.names = {}, .addresses = {"127.0.0.2"}}, "127.0.0.1", "").first);
  CHECK(established({.names = {"redis.example"}, .addresses = {}}, "127.0.0.1", "redis.example") ==
        Found(true, "redis.example"));
  CHECK_FALSE(established({.names = {"localhost"}, .addresses = {}}, "localhost", "redis.example").first);
  CHECK(established({.names = {}, .addresses = {"10.0.0.1"}}, "localhost", "10.0.0.1") == Found(true, "-"));
}

TEST_CASE("a host without a name can have no session") {
  Certificates authority;
  for (const Tls& options : {Tls{.ca_file = authority.ca_file()}, Tls{.insecure_no_verification = true}}) {
    const auto context = make(options);
    for (const std::string& host : {std::string(), std::string("."), std::string(300, 'x')}) {
      Client client(*context, host);
      CHECK(client.filter.state() == TlsFilter::State::failed);
      CHECK_FALSE(client.filter.start().ok());
      CHECK(client.out.empty());
    }
  }
}

TEST_CASE("a pinned certificate is accepted whoever signed it, and no other is") {
  using namespace std::chrono_literals;
  Certificates authority;
  const Identity expired = authority.issue({.names = {"elsewhere"}, .begins = -48h, .ends = -24h});
  const Identity other = authority.issue();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = make({.insecure_pinned_sha256 = expired.sha256});
    Server server(expired, {.version_min = version, .version_max = version});
    Client client(*context);
    client.converse(server);
    CHECK(client.filter.state() == TlsFilter::State::established);
    Server wrong(other, {.version_min = version, .version_max = version});
    CHECK(
        says(refusal({.insecure_pinned_sha256 = expired.sha256}, wrong), "not the one of tls.insecure_pinned_sha256"));
  }
}

TEST_CASE("without verification anybody is spoken to") {
  Certificates authority;
  const auto context = make({.insecure_no_verification = true});
  Server server(authority.issue({.names = {"elsewhere"}, .addresses = {}}));
  Client client(*context);
  client.converse(server);
  CHECK(client.filter.state() == TlsFilter::State::established);
}

TEST_CASE("a server that asks for a certificate gets ours") {
  Certificates authority;
  Certificates stranger("somebody else");
  const Identity server_identity = authority.issue();
  const Identity ours = authority.issue();
  const Identity theirs = stranger.issue();
  const std::string both = authority.file("both.pem", contents(ours.certificate_file) + contents(ours.key_file));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const Server::Wish wish{.version_min = version, .version_max = version, .client_ca = authority.ca_file()};
    const std::string ca = authority.ca_file();
    for (const Tls& options : {Tls{.ca_file = ca, .certificate_file = ours.certificate_file, .key_file = ours.key_file},
                               Tls{.ca_file = ca, .certificate_file = both}}) {
      const auto context = make(options);
      Server server(server_identity, wish);
      Client client(*context);
      client.converse(server);
      CHECK(client.filter.state() == TlsFilter::State::established);
      CHECK(server.is_done());
    }
    Server unanswered(server_identity, wish);
    CHECK(says(refusal({.ca_file = ca}, unanswered), "the server asks for a client certificate"));
    Server unconvinced(server_identity, wish);
    CHECK(says(
        refusal({.ca_file = ca, .certificate_file = theirs.certificate_file, .key_file = theirs.key_file}, unconvinced),
        "does not accept the certificate of tls.certificate_file"));
  }
}

TEST_CASE("a server that knows only old versions is refused") {
  Certificates authority;
  Server server(authority.issue(), {.version_min = TLS1_VERSION, .version_max = TLS1_1_VERSION});
  CHECK(says(refusal({.ca_file = authority.ca_file()}, server), "speaks neither TLS 1.2 nor 1.3"));
}

TEST_CASE("a server that does not speak TLS is told from one that does") {
  Certificates authority;
  const auto context = make({.ca_file = authority.ca_file()});
  for (const char* said : {"-ERR unknown command", "HTTP/1.1 400 Bad Request\r\n", "+PONG\r\n", "-"}) {
    Client client(*context);
    CHECK(client.filter.start().ok());
    client.take(said);
    REQUIRE(client.error);
    CHECK(client.error->cause == Cause::tls);
    CHECK(says(client.error->text, "does not speak TLS"));
  }
}

TEST_CASE("a goodbye is a lost connection, before the handshake is done and after it") {
  Certificates authority;
  const auto context = make({.ca_file = authority.ca_file()});
  Server server(authority.issue());
  Client client(*context);
  client.converse(server);
  const std::string last_words = server.say("+OK\r\n");
  SSL_shutdown(server.ssl());
  client.take(last_words + server.said());
  CHECK(client.read == "+OK\r\n");
  REQUIRE(client.error);
  CHECK(client.error->cause == Cause::lost);
  CHECK_FALSE(client.filter.write("x").ok());

  Client early(*context);
  CHECK(early.filter.start().ok());
  early.take(std::string_view("\x15\x03\x03\x00\x02\x01\x00", 7));
  REQUIRE(early.error);
  CHECK(early.error->cause == Cause::lost);
}

TEST_CASE("bytes that were changed on the way end the session") {
  Certificates authority;
  const auto context = make({.ca_file = authority.ca_file()});
  Server server(authority.issue());
  Client client(*context);
  client.converse(server);
  std::string changed = server.say("+OK\r\n");
  changed.back() = static_cast<char>(changed.back() ^ 1);
  client.take(changed);
  CHECK(client.read.empty());
  REQUIRE(client.error);
  CHECK(client.error->cause == Cause::tls);
  CHECK(says(client.error->text, "no proper TLS"));
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("a handshake without an end is ended") {
  Certificates authority;
  const auto context = make({.ca_file = authority.ca_file()});
  Client client(*context);
  CHECK(client.filter.start().ok());
  // A client may be asked to begin while it has begun, and ignores that.
  const std::string_view request("\x16\x03\x03\x00\x04\x00\x00\x00\x00", 9);
  std::size_t bytes = 0;
  for (; bytes < 2 * TlsFilter::handshake_bytes_max && !client.error; bytes += request.size()) client.take(request);
  REQUIRE(client.error);
  CAPTURE(client.error->text);
  CHECK(says(client.error->text, "no end"));
  CHECK(bytes > TlsFilter::handshake_bytes_max);
  CHECK(bytes <= TlsFilter::handshake_bytes_max + request.size());
}

TEST_CASE("a server may change keys, and may not begin anew") {
  Certificates authority;
  const Identity identity = authority.issue();
  const auto context = make({.ca_file = authority.ca_file()});
  {
    Server server(identity);
    Client client(*context);
    client.converse(server);
    REQUIRE(SSL_key_update(server.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    client.take(server.say("+OK\r\n"));
    CHECK(client.read == "+OK\r\n");
    CHECK(client.filter.write("PING").ok());
    client.exchange(server);
    CHECK(server.read == "PING");
  }
  {
    Server server(identity, {.version_max = TLS1_2_VERSION});
    Client client(*context);
    client.converse(server);
    REQUIRE(SSL_renegotiate(server.ssl()) == 1);
    SSL_do_handshake(server.ssl());
    client.take(server.said());
    CHECK_FALSE(client.error.has_value());
    CHECK(client.filter.write("PING").ok());
  }
}

TEST_CASE("errors that others left in OpenSSL's queue are not ours") {
  Certificates authority;
  const auto context = make({.ca_file = authority.ca_file()});
  Server server(authority.issue());
  Client client(*context);
  const auto leave_error = [] { ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED); };
  leave_error();
  client.converse(server);
  CHECK(client.filter.state() == TlsFilter::State::established);
  leave_error();
  CHECK(client.filter.write("PING").ok());
  client.exchange(server);
  const std::string pong = server.say("+PONG\r\n");
  leave_error();
  client.take(pong);
  CHECK(client.read == "+PONG\r\n");
  CHECK_FALSE(client.error.has_value());
}

TEST_CASE("files that cannot be used are refused with the option and the reason") {
  Certificates authority;
  const Identity one = authority.issue();
  const Identity two = authority.issue();
  const std::string text = authority.file("text", "this is no certificate\n");
  const std::string absent = authority.directory() + "/absent";
  const std::string head = "-----BEGIN CERTIFICATE-----\n";
  const std::string locked = authority.file(
      "locked.pem", head + "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n" +
                        contents(one.certificate_file).substr(head.size()));
  struct Case {
    const char* option;
    const char* reason;
    Tls settings;
  };
  const Case cases[] = {
      {"tls.ca_file", "No such file", {.ca_file = absent}},
      {"tls.ca_file", "no certificate in PEM", {.ca_file = text}},
      {"tls.ca_file", "no certificate in PEM", {.ca_file = one.key_file}},
      {"tls.ca_file", "no certificate in PEM", {.ca_file = authority.directory()}},
      {"tls.ca_directory", "No such file", {.ca_directory = absent}},
      {"tls.ca_directory", "openssl rehash", {.ca_directory = authority.directory()}},
      {"tls.ca_directory", "openssl rehash", {.ca_directory = text}},
      {"tls.certificate_file", "No such file", {.certificate_file = absent, .key_file = one.key_file}},
      {"tls.certificate_file", "no certificate in PEM", {.certificate_file = text, .key_file = one.key_file}},
      {"tls.certificate_file", "no certificate in PEM", {.certificate_file = locked, .key_file = one.key_file}},
      {"tls.certificate_file", "no private key beside", {.certificate_file = one.certificate_file}},
      {"tls.key_file", "No such file", {.certificate_file = one.certificate_file, .key_file = absent}},
      {"tls.key_file", "no private key in PEM", {.certificate_file = one.certificate_file, .key_file = text}},
      {"tls.key_file",
       "not that of the certificate",
       {.certificate_file = one.certificate_file, .key_file = two.key_file}},
      {"tls.key_file", "passphrase", {.certificate_file = one.certificate_file, .key_file = authority.lock(one)}},
      {"tls.key_file", "certificate_file", {.key_file = one.key_file}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.option);
    CAPTURE(each.reason);
    const std::string refused = refused_option(each.settings);
    CAPTURE(refused);
    CHECK(refused.starts_with(std::string(each.option) + ": "));
    CHECK(says(refused, each.reason));
    CHECK_FALSE(says(refused, "PRIVATE"));
  }
}

TEST_CASE("an authority is found in a directory") {
  Certificates authority;
  const auto context = make({.ca_directory = authority.ca_directory()});
  Server server(authority.issue());
  Client client(*context);
  client.converse(server);
  CHECK(client.filter.state() == TlsFilter::State::established);
  Certificates stranger("somebody else");
  Server unknown(stranger.issue());
  CHECK(says(refusal({.ca_directory = authority.ca_directory()}, unknown), "not signed by a known authority"));
}
