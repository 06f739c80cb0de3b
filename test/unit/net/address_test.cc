#include "net/address.h"

#include <string>

#include <doctest/doctest.h>

using sake::Errc;
using sake::net::Address;
using sake::net::AddressKind;
using sake::net::parse_address;

namespace {

Address parsed(std::string_view url) {
  auto address = parse_address(url);
  REQUIRE_MESSAGE(address, std::string(url));
  return address.value();
}

std::string refusal(std::string_view url) {
  const auto address = parse_address(url);
  REQUIRE_FALSE_MESSAGE(address, std::string(url));
  CHECK(address.error().code == Errc::invalid_argument);
  return address.error().text;
}

bool says(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a TCP address has a host, and port 6379 unless it says otherwise") {
  const Address plain = parsed("redis://example.org");
  CHECK(plain.kind == AddressKind::tcp);
  CHECK(plain.host == "example.org");
  CHECK(plain.port == 6379);
  CHECK(plain.user.empty());
  CHECK(plain.password.empty());
  CHECK(parsed("redis://example.org/").host == "example.org");
  CHECK(parsed("redis://10.0.0.7:7000").port == 7000);
  CHECK(parsed("redis://h:65535").port == 65535);
}

TEST_CASE("user and password are percent-decoded, and either may be empty") {
  const Address full = parsed("redis://al%69ce:s%3A%40%2F%25%0a@host:1");
  CHECK(full.user == "alice");
  CHECK(full.password == "s:@/%\n");
  CHECK(full.host == "host");
  CHECK(full.port == 1);
  CHECK(parsed("redis://:secret@host").password == "secret");
  CHECK(parsed("redis://:secret@host").user.empty());
  CHECK(parsed("redis://alice@host").user == "alice");
  CHECK(parsed("redis://alice:@host").password.empty());
  CHECK(parsed("redis://:a:b@host").password == "a:b");
  CHECK(parsed("redis://:p@ss@host").password == "p@ss");
  CHECK(parsed("redis://@host").host == "host");
}

TEST_CASE("an IPv6 address stands in brackets and loses them") {
  CHECK(parsed("redis://[::1]").host == "::1");
  CHECK(parsed("redis://u:p@[fe80::1%25eth0]:7").host == "fe80::1%eth0");
  CHECK(parsed("redis://[::1]:7").port == 7);
  CHECK(says(refusal("redis://::1"), "brackets"));
  CHECK(says(refusal("redis://[::1"), "]"));
  CHECK(says(refusal("redis://[::1]7"), "port"));
  CHECK(says(refusal("redis://[host]"), "IPv6"));
  CHECK(says(refusal("redis://[]"), "host"));
}

TEST_CASE("a Unix socket has an absolute path and perhaps a login") {
  const Address socket = parsed("unix://alice:secret@/run/re%20dis.sock");
  CHECK(socket.kind == AddressKind::unix_socket);
  CHECK(socket.path == "/run/re dis.sock");
  CHECK(socket.port == 0);
  CHECK(socket.host.empty());
  CHECK(socket.user == "alice");
  CHECK(socket.password == "secret");
  CHECK(parsed("unix:///a").path == "/a");
  CHECK(says(refusal("unix://relative.sock"), "absolute"));
  CHECK(says(refusal("unix://dir/relative.sock"), "absolute"));
  CHECK(says(refusal("unix://"), "absolute"));
}

TEST_CASE("a socket path that the kernel would not hold is refused rather than cut") {
  const std::string longest = "/" + std::string(106, 'x');
  CHECK(parsed("unix://" + longest).path == longest);
  CHECK(says(refusal("unix://" + longest + "x"), "107"));
  CHECK(says(refusal("unix://" + longest.substr(1) + "%78"), "absolute"));
  CHECK(parsed("unix:///" + std::string(105, 'x') + "%78").path == longest);
}

TEST_CASE("a database in the address is refused with the reason") {
  for (const char* url :
       {"redis://host/3", "redis://host/0", "redis://host//", "redis://host/?db=3", "redis://host?db=3",
        "unix:///run/redis.sock?db=3", "redis://host#3", "redis://:secret@host/3"}) {
    CAPTURE(std::string(url));
    CHECK(says(refusal(url), "resource"));
  }
}

TEST_CASE("an address with TLS has the grammar of one without") {
  const Address secure = parsed("rediss://al%69ce:s%3A@[::1]:7");
  CHECK(secure.tls);
  CHECK(secure.kind == AddressKind::tcp);
  CHECK(secure.user == "alice");
  CHECK(secure.password == "s:");
  CHECK(secure.host == "::1");
  CHECK(secure.port == 7);
  CHECK(parsed("rediss://example.org").port == 6379);
  CHECK_FALSE(parsed("redis://example.org").tls);
  CHECK_FALSE(parsed("unix:///rediss").tls);
  CHECK(says(refusal("rediss://host/3"), "resource"));
  CHECK(says(refusal("rediss://"), "host"));
}

TEST_CASE("other schemes are refused") {
  for (const char* url : {"", "redis", "redis:host", "redis:/host", "http://host", "REDIS://host", "://host", "tcp://h",
                          "redis+unix:///x", "localhost:6379", "redisss://host", "rediss:host", "RedisS://host"}) {
    CAPTURE(std::string(url));
    CHECK(says(refusal(url), "redis://"));
  }
}

TEST_CASE("malformed escapes, hosts and ports are refused") {
  for (const char* url : {"redis://h%2", "redis://h%zz", "redis://:%@h", "redis://%4@h", "redis://h%00",
                          "redis://:%00@h", "unix:///a%00b", "unix:///a%", "redis://h%-1"}) {
    CAPTURE(std::string(url));
    CHECK(says(refusal(url), "%"));
  }
  for (const char* url : {"redis://h:", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h:+1", "redis://h:01",
                          "redis://h:-1", "redis://[::1]:"}) {
    CAPTURE(std::string(url));
    CHECK(says(refusal(url), "65535"));
  }
  for (const char* url : {"redis://", "redis:///", "redis://:6379", "redis://u:p@", "redis://u:p@:1"}) {
    CAPTURE(std::string(url));
    CHECK(says(refusal(url), "host"));
  }
  for (const char* url : {"redis://a b", "redis://h\n", "unix:///a\tb", "redis://h\x7f"}) {
    CAPTURE(std::string(url));
    CHECK(says(refusal(url), "control"));
  }
}

TEST_CASE("no error and no description shows the password") {
  for (const char* url : {"redis://:hunter2@host/3", "redis://:hunter2@host:x", "redis://:hunter2/x@host",
                          "hunter2://host", "redis://u:hunter2@[::1", "redis://u:hunter2%@h", "rediss://:hunter2@h:x",
                          "unix://:hunter2@rel", "redis:hunter2@host", "redis://hunter2 @host"}) {
    CAPTURE(std::string(url));
    CHECK_FALSE(says(refusal(url), "hunter2"));
  }
  CHECK(describe(parsed("redis://u:hunter2@host:1")) == "redis://host:1");
  CHECK(describe(parsed("redis://u:hunter2@[::1]")) == "redis://[::1]:6379");
  CHECK(describe(parsed("rediss://u:hunter2@host:1")) == "rediss://host:1");
  CHECK(describe(parsed("unix://u:hunter2@/run/r.sock")) == "unix:///run/r.sock");
}
