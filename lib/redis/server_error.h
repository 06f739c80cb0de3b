#pragma once

// What Redis's error replies mean. They begin with a code in capitals: "WRONGTYPE Operation against a key ...".

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace sake::redis {

inline constexpr std::size_t server_words_bytes_max = 256;  ///< Of a reply that is kept in an Error.

/// The reply's text, cut to what an Error may hold.
inline std::string_view server_words(std::string_view reply) noexcept {
  return reply.substr(0, server_words_bytes_max);
}

/// The code, up to the first space.
inline std::string_view error_code(std::string_view reply) noexcept { return reply.substr(0, reply.find(' ')); }

inline bool has_code(std::string_view reply, std::initializer_list<std::string_view> codes) noexcept {
  for (const std::string_view code : codes) {
    if (error_code(reply) == code) return true;
  }
  return false;
}

/// The user or the password is wrong, missing, or may not do this.
inline bool is_refused_login(std::string_view reply) noexcept {
  return has_code(reply, {"WRONGPASS", "NOAUTH", "NOPERM"});
}

/// The server answers nothing at present: it loads its data, waits for its master, or runs a long script.
inline bool is_unavailable(std::string_view reply) noexcept {
  return has_code(reply, {"LOADING", "MASTERDOWN", "BUSY"});
}

/// The same command may succeed later. Besides the above: no memory is left, nothing can be saved, replicas are
/// missing.
inline bool is_passing(std::string_view reply) noexcept {
  return is_unavailable(reply) || has_code(reply, {"OOM", "MISCONF", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN"});
}

/// The server is, or has become, a replica: the one to write to is elsewhere.
inline bool is_read_only(std::string_view reply) noexcept { return has_code(reply, {"READONLY"}); }

/// It has forgotten who we are.
inline bool is_logged_out(std::string_view reply) noexcept { return has_code(reply, {"NOAUTH"}); }

}  // namespace sake::redis
