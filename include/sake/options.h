#pragma once

// Every setting of a cache, with its unit, its default and what happens at its limit.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sake/app.h"
#include "sake/callback.h"
#include "sake/codec.h"
#include "sake/export.h"
#include "sake/log.h"
#include "sake/resource.h"

namespace sake {

/// How long something lives in Redis: seconds as a number (with millisecond precision) or any std::chrono duration.
/// NaN, infinity and `never` mean no expiry. Zero and negative lifetimes are refused by Cache::open.
class Lifetime {
 public:
  /// No expiry.
  struct Never {};
  static constexpr Never never{};  ///< No expiry.

  /// No expiry.
  constexpr Lifetime(Never) noexcept {}
  /// No expiry.
  constexpr Lifetime(std::nullopt_t) noexcept {}
  /// So many seconds, which may have a fraction.
  SAKE_EXPORT Lifetime(double seconds) noexcept;
  /// So long.
  template <typename Rep, typename Period>
  constexpr Lifetime(std::chrono::duration<Rep, Period> duration) noexcept {
    if constexpr (std::chrono::treat_as_floating_point_v<Rep>) {
      *this = Lifetime(std::chrono::duration<double>(duration).count());
    } else {
      milliseconds_ = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    }
  }

  /// Empty: no expiry.
  constexpr std::optional<std::chrono::milliseconds> duration() const noexcept {
    if (!milliseconds_) return std::nullopt;
    return std::chrono::milliseconds(*milliseconds_);
  }
  friend constexpr bool operator==(const Lifetime&, const Lifetime&) noexcept = default;

 private:
  std::optional<std::int64_t> milliseconds_;
};

/// What happens to members that a GUILD_CREATE does not list.
enum class MemberPolicy : std::uint8_t {
  automatic,  ///< Removed when the distinct members listed equal member_count, else kept.
  replace,    ///< Always removed.
  merge,      ///< Always kept.
};

/// Whether members that ride along with other events (messages, typing, voice, reactions, interactions) are stored.
enum class HarvestPolicy : std::uint8_t {
  automatic,  ///< On when `Options::intents` is given and lacks guild_members: nothing else keeps members current then.
  on,
  off,
};

/// Choices where Discord's documentation leaves one. The defaults suit a bot that relies on its cache.
struct Policies {
  MemberPolicy guild_create_members = MemberPolicy::automatic;  ///< What becomes of members in GUILD_CREATE.
  HarvestPolicy harvest_members = HarvestPolicy::automatic;     ///< What becomes of members that ride along elsewhere.

  /// After READY, guilds of this shard that are stored and not listed are removed like a leave.
  bool reconcile = true;

  /// Deleted roles are removed from the member records of their guild, in the background.
  bool scrub_deleted_roles = false;

  /// Reactions and poll votes change the stored message. One read per event.
  bool track_reactions = true;

  /// Messages update the last_message_id of their channel or thread, a new post that of its forum, and messages that
  /// come and go the counters of their thread. A read and a rewrite per message.
  bool track_channel_activity = false;
};

/// Optional indices in database 9, from which entities can be found by something other than their id. Redis keeps one
/// more entry per entity for each.
struct SecondaryIndices {
  bool messages_by_channel = false;  ///< `2:<channel>:10`
  bool messages_by_author = false;   ///< `7:<user>:10`
  bool messages_by_guild = false;    ///< `1:<guild>:10`
  bool invites_by_channel = true;    ///< `2:<channel>:3`
  bool invites_by_guild = true;      ///< `1:<guild>:3`
  bool members_by_user = false;      ///< `7:<user>:4`
  bool presences_by_user = false;    ///< `7:<user>:5`

  /// With every index.
  static constexpr SecondaryIndices all() noexcept { return {true, true, true, true, true, true, true}; }
  /// With no index.
  static constexpr SecondaryIndices none() noexcept { return {false, false, false, false, false, false, false}; }
};

/// Some top-level fields of a resource, by Discord's names.
struct FieldSelection {
  Resource resource;                ///< Whose fields they are.
  std::vector<std::string> fields;  ///< Top-level names, as Discord spells them.
};

/// An entity that is about to be stored. What it views lives for the call.
struct Candidate {
  Resource resource;           ///< What kind of entity it is.
  std::uint64_t id = 0;        ///< Of members, presences and voice states the user's; 0 of an invite.
  std::uint64_t guild_id = 0;  ///< 0: its event names no guild.
  std::string_view code;       ///< Of an invite.
  std::string_view json;       ///< As it would be stored if every field of it were.
};

/// Which entities are stored. What is refused is not written, with none of its references; Stats::filtered counts it.
/// Deletes are never filtered, and neither is the own user's record (`ME`).
struct Filters {
  /// Events of other guilds are ignored as a whole (reason: `filtered`), and what is stored of such a guild goes with
  /// the next READY of its shard. Empty: every guild is cached.
  std::vector<std::uint64_t> only_guilds = {};

  /// No users, members, presences and voice states of bots, as far as the payload says that they are one; those of the
  /// own user are stored. Messages of bots are.
  bool no_bots = false;

  /// No messages with a `webhook_id`. Discord's own flag: replies to interactions have one too.
  bool no_webhook_messages = false;

  /// Asked about each entity that the others let through, also when it changes; false: it is not stored, and what is
  /// stored of it is removed. Runs while the event is applied, so it must be quick and call nothing of this library.
  /// Members that it refuses are not known, so member_count counts a repeated GUILD_MEMBER_ADD of one again.
  Callback<bool(const Candidate&)> accepts = {};
};

/// Sends one resource to another Redis database than its own.
struct IndexOverride {
  Resource resource;  ///< What is stored in another database.
  int index;          ///< The number of that database.
};

/// How a server at a `rediss://` address is spoken to; with other addresses nothing of this is used. The server must
/// prove with its certificate that it is the host of the address: signed by a known authority, within its dates, for
/// that name. Versions below TLS 1.2 are refused. Files are read once, by Cache::open; what is wrong with one is
/// invalid_argument and names the option. A directory of authorities is read again at each connection.
///
/// A server that is not who it should be fails open() at once with backend_error (tls). Later, as on a reconnect, it is
/// logged as an error and tried again like any other refusal; nothing is sent to it meanwhile.
struct Tls {
  /// Authorities to trust, in PEM: all certificates of the file, and those of the directory, which `openssl rehash` has
  /// to have indexed. Where both are empty, those that the system trusts.
  std::string ca_file = {};
  std::string ca_directory = {};  ///< See ca_file.

  /// What we show a server that asks (Redis: `tls-auth-clients`), in PEM: our certificate, perhaps followed by those it
  /// is signed with, and its key, which may also stand in the same file. A key with a passphrase is refused.
  std::string certificate_file = {};
  std::string key_file = {};  ///< See certificate_file.

  /// Whom the certificate must name instead of the host in the address, and whom we ask for (SNI).
  std::string server_name = {};

  /// Speaks to whoever answers, so that anybody on the way can read and change everything. For tests.
  bool insecure_no_verification = false;

  /// The SHA-256 of the server's own certificate (its DER form) in hexadecimal, with or without colons: that one is
  /// accepted and no other. Neither authority nor host nor dates are looked at, and nobody can revoke it.
  std::string insecure_pinned_sha256 = {};

  friend bool operator==(const Tls&, const Tls&) = default;
};

/// Usable with designated initialisers: `Options{.address = "unix:///run/redis.sock"}`.
struct SAKE_EXPORT Options {
  /// `redis://[[user]:[password]@]host[:port]`, the same with `rediss://` for TLS, or
  /// `unix://[[user]:[password]@]/path/to.sock`, each part percent-encoded where needed. The path of a database (`/3`)
  /// is refused: each resource has its own.
  std::string address = "redis://127.0.0.1:6379";

  /// The password when the address holds none; the address wins where both are given. Never logged.
  std::string password = {};

  /// For a `rediss://` address. Settings that contradict each other are refused with any address; a warning is logged
  /// when there are settings and the address does not use them.
  Tls tls = {};

  /// Connections to one database, at least 1. A cache that only writes holds one per database in use.
  int max_connections_per_db = 5;

  /// Lifetime of everything that has none of its own: one week. Renewed before half of it has passed for the guilds
  /// this process owns.
  Lifetime default_expire = std::chrono::hours(24 * 7);

  Lifetime user_expire = std::chrono::hours(1);          ///< Users; renewed whenever the user is seen.
  Lifetime message_expire = std::chrono::minutes(5);     ///< Messages; renewed by updates.
  Lifetime invite_expire = std::chrono::hours(24 * 30);  ///< Invites that say nothing of their own end.

  /// What to keep; see also Resources::everything(). A resource that is left out costs no command.
  Resources resources = Resources::all();

  /// At most one entry per resource, no two resources in one database, none in database 9.
  std::vector<IndexOverride> index_overrides = {};

  /// Store these fields of a resource and no others, or all but these; a resource is in one of the lists at most. What
  /// the engine needs itself is always stored: ids (`id guild_id channel_id user_id code sound_id parent_id`), the
  /// `type` of channels and threads, the `user` of members and presences, the `author` of messages, `unavailable` and
  /// `member_count` of guilds, and what tells how long an invite lives. The own user is stored whole. What other events
  /// carry of a resource that was cut down before is cut down alike.
  std::vector<FieldSelection> keep_fields = {};
  std::vector<FieldSelection> drop_fields = {};  ///< See keep_fields.

  /// Which entities are stored: all, unless something is said here.
  Filters filters = {};

  /// How values are written: filters and fields come first, then this. Empty: as the JSON they are.
  Codec codec = {};

  Policies policies = {};                   ///< Where Discord's documentation leaves a choice.
  SecondaryIndices secondary_indices = {};  ///< Which optional indices are kept.

  /// The intents the gateway session has. A warning is logged when they do not cover a resource; see also
  /// Policies::harvest_members. Nothing is checked when empty.
  std::optional<Intents> intents = std::nullopt;

  /// Unsent, unanswered and waiting bytes together, with some for each event that is pending. A frame is refused with
  /// over_capacity while they are at or above this limit; a frame of any size is admitted below it.
  std::size_t pending_bytes_max = 32u << 20;

  /// Commands are sent to a database when this many bytes have gathered, or at the end of the loop's iteration.
  std::size_t batch_bytes = 64u << 10;

  /// Sent and unanswered bytes of one connection. At the limit further commands wait (and count as pending).
  std::size_t in_flight_bytes_max = 512u << 10;

  /// Larger frames are rejected with invalid_payload. At most 1 GiB.
  std::size_t frame_bytes_max = 256u << 20;

  std::chrono::milliseconds connect_timeout{5'000};  ///< Over everything up to the answer to SELECT.
  std::chrono::milliseconds command_timeout{
      10'000};                                     ///< Without any answer while commands are under way, the link ends.
  std::chrono::milliseconds drain_timeout{5'000};  ///< How long close() waits for what is under way.

  /// A command that Redis cannot take at present (LOADING, BUSY, TRYAGAIN, MASTERDOWN, CLUSTERDOWN, OOM, MISCONF,
  /// NOREPLICAS) is sent again, with everything behind it, for so long. Then its event fails, and the rest goes on.
  std::chrono::milliseconds retry_timeout{30'000};

  /// The pause before another attempt to connect, or to send such a command: doubled after each failure, with jitter.
  std::chrono::milliseconds backoff_first{50};
  std::chrono::milliseconds backoff_max{5'000};  ///< Its bound.

  /// A connection that is not used for so long is asked for a sign of life, and Redis as often (at most once a second)
  /// whether it evicts keys. Zero: never.
  std::chrono::milliseconds health_check_interval{30'000};

  /// A connection for reads that is not used for so long is closed. Zero: never.
  std::chrono::milliseconds reader_idle_timeout{60'000};

  /// A read of the host fails with backend_error (timed_out) after this long without an answer, as in an outage. Zero:
  /// it waits.
  std::chrono::milliseconds read_timeout{10'000};

  /// A reply that is larger fails the event or the call that asked for it, and ends the connection.
  std::size_t reply_bytes_max = 64u << 20;

  /// open fails with backend_error after this long without a connection; zero waits for ever.
  std::chrono::milliseconds open_timeout{10'000};

  /// Milliseconds of the time in which events happen, for the lifetimes of tombstones. Empty: the loop's clock. A
  /// replay returns the time of the frame it feeds, or a constant where its log has none, which keeps tombstones until
  /// GUILD_CREATE or GUILD_MEMBER_ADD lifts them.
  std::int64_t (*event_clock)(void* context) = nullptr;
  void* event_clock_context = nullptr;  ///< Passed to event_clock.

  /// Ignore SIGPIPE in this process if nobody handles it: writing to a peer that is gone raises it.
  bool ignore_sigpipe = true;

  LogSink log = {};  ///< Nothing is logged when empty.

  /// Asked for the own user where READY was not seen and `ME` is not stored: by get_me(), and by a shard that resumes.
  /// Without one get_me() is entry_not_found then.
  std::shared_ptr<App> app = {};

  /// hikari-sake's builders, for those who know them.
  Options& with_index_override(Resource resource, std::optional<int> index);
  /// The database that was chosen for a resource; none: its own.
  std::optional<int> get_index_override(Resource resource) const noexcept;
  /// Sets user_expire.
  Options& with_user_expire(Lifetime lifetime) noexcept;
  /// Sets message_expire.
  Options& with_message_expire(Lifetime lifetime) noexcept;
  /// Sets invite_expire.
  Options& with_invite_expire(Lifetime lifetime) noexcept;

  /// The database numbers a cache with these options uses, ascending; 9 among them when anything refers to it.
  std::vector<int> all_indexes() const;

  /// The intents the chosen resources need.
  Intents all_intents() const noexcept;
};

}  // namespace sake
