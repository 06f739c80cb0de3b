#pragma once

// Cache: one per process. Shard: one per gateway connection of the process.
// Everything runs on the thread of the loop that was passed to open; nothing blocks it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sake/callback.h"
#include "sake/chunking.h"
#include "sake/connection.h"
#include "sake/entity.h"
#include "sake/export.h"
#include "sake/methods.h"
#include "sake/options.h"
#include "sake/permissions.h"
#include "sake/result.h"
#include "sake/session.h"
#include "sake/stats.h"

struct uv_loop_s;

namespace sake {

/// How an event ended.
struct EventResult {
  Outcome outcome;          ///< What became of the event.
  std::string_view event;   ///< Discord's name for it; empty when the frame was no dispatch.
  std::string_view reason;  ///< Why it was ignored: "duplicate", "left", "unknown event", ... Else empty.
  const Error* error;       ///< Set when rejected or failed. Valid during the call.
};

/// Called once per event that was admitted, never inside the call that dispatched it.
using Completion = Callback<void(const EventResult& result)>;

/// One shard's place in its cache. Owned by the cache and valid as long as that is.
class SAKE_EXPORT Shard {
 public:
  /// Which of the shards it is, counted from 0.
  std::uint32_t id() const noexcept;
  /// How many shards there are.
  std::uint32_t count() const noexcept;

  /// Takes one whole gateway frame (`{"op","t","s","d"}` in any order) as it came from Discord. The text is not needed
  /// after the call. Returns once its writes are queued; Redis has them when the completion is called.
  /// A frame whose sequence number is not above the highest one seen in this session is ignored as a duplicate.
  ///
  /// Errors: over_capacity (not admitted: from then on this shard refuses everything until this frame is offered again
  /// or skipped), closed_client. A malformed frame is admitted and ends as `rejected`.
  Status dispatch_frame(std::string_view text, Completion completion = {});

  /// The same for hosts that have taken the frame apart: `event` is its "t", `data` the JSON text of its "d". Without a
  /// sequence number there is no check for duplicates. Errors: those above, invalid_argument for an empty `event`.
  Status dispatch(std::string_view event, std::string_view data, std::optional<std::uint64_t> sequence = std::nullopt,
                  Completion completion = {});

  /// Gives up the frame that was refused with over_capacity: its guild becomes dirty (every guild of the shard where it
  /// was a READY). Does nothing when none was.
  void skip();

  /// Forgets the session: the mark for duplicates, its record, and that this shard's guilds are owned by this process.
  void forget();

  /// Goes on with a session that another process, or this one before it was started again, has recorded: call it before
  /// the first frame of a connection that sends Resume with these very values. Frames up to the sequence number are
  /// duplicates, and the guilds that were dirty are dirty again. Errors: invalid_argument when the session is of
  /// another shard, or when this shard has taken frames already.
  Status resume(const Session& session);

  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

 private:
  friend class Bridge;
  friend class Cache;
  struct Impl;
  explicit Shard(Impl& impl) noexcept;
  ~Shard();
  /// A frame of this shard was given up that had been refused before it came here.
  void skip_refused(std::uint64_t guild_id, bool is_ready);
  Impl& impl_;
  friend struct Impl;
};

/// The cache engine. Not thread-safe: every call belongs on the loop's thread.
class SAKE_EXPORT Cache : public AutoModerationRuleCache<Cache>,
                          public EmojiCache<Cache>,
                          public GuildCache<Cache>,
                          public GuildChannelCache<Cache>,
                          public IntegrationCache<Cache>,
                          public InviteCache<Cache>,
                          public MeCache<Cache>,
                          public MemberCache<Cache>,
                          public MessageCache<Cache>,
                          public PresenceCache<Cache>,
                          public RoleCache<Cache>,
                          public ScheduledEventCache<Cache>,
                          public SoundboardSoundCache<Cache>,
                          public StageInstanceCache<Cache>,
                          public StickerCache<Cache>,
                          public ThreadCache<Cache>,
                          public UserCache<Cache>,
                          public VoiceStateCache<Cache> {
 public:
  /// Checks the options and starts to connect; returns at once. `on_open` is called once, when every database in use
  /// has answered AUTH, SELECT and the probe, or with the reason why not: backend_error (the cache must then be
  /// closed). Events may be dispatched before that; they are pending until then.
  ///
  /// Errors: invalid_argument, with a text that names the option.
  static Result<std::unique_ptr<Cache>> open(uv_loop_s* loop, Options options, Callback<void(Status)> on_open = {});

  /// Ends what is pending with closed_client, if close() has not already. Run the loop until its handles are closed
  /// before closing the loop. Must not be called inside a callback of this cache.
  ~Cache();

  /// The shard `id` of `count`, made on first use. REQUIRES: id < count.
  Shard& shard(std::uint32_t id = 0, std::uint32_t count = 1);

  /// Calls back once everything dispatched so far has its outcome, never inside the call.
  void flush(Callback<void(Status)> on_flushed);

  /// Stops taking events, waits for what is pending for at most drain_timeout, ends the rest with closed_client, and
  /// calls back when every handle is closed. A second call calls back when the first one has ended.
  void close(Callback<void()> on_closed = {});

  /// Called each time pending bytes fall below half of pending_bytes_max after a frame was refused.
  void on_capacity(Callback<void()> callback);

  /// Called when the connection to a database comes or goes, never inside a call of the host.
  void on_connection(Callback<void(const ConnectionChange& change)> callback);

  /// The guilds whose entries in Redis may lack something or be out of date, ascending: one of their events failed, a
  /// refused frame of theirs was skipped, or Redis lost what it had acknowledged. A guild leaves the list when a later
  /// GUILD_CREATE of it was applied or it was left; Discord sends one after a new session or an outage.
  std::vector<std::uint64_t> dirty_guilds() const;

  /// Called for each guild that becomes dirty, with the first reason; never inside a call of the host.
  void on_dirty(Callback<void(std::uint64_t guild_id, const Error& why)> callback);

  /// The host has made the guild whole again by other means. False: it was not dirty.
  bool clear_dirty_guild(std::uint64_t guild_id) noexcept;

  /// Asks for all members of each guild after its GUILD_CREATE, from now on, and removes those that are gone. Without
  /// `chunking.send`: stops, and forgets whose members are complete. Called again, it changes the settings; runs that
  /// are under way go on.
  ///
  /// Errors: invalid_argument when members are not among the resources, when the declared intents lack guild_members,
  /// or for a number that is not positive; closed_client.
  Status chunk_on_guild_create(Chunking chunking);

  /// Whether Redis holds all members of the guild and no others: its GUILD_CREATE or a run of chunks in this session
  /// has listed them all, those that are gone were removed, and no event of the guild has failed since. False where
  /// chunk_on_guild_create() is off.
  bool members_complete(std::uint64_t guild_id) const noexcept;

  /// Called when the members of a guild are complete, or when they were given up; never inside a call of the host.
  void on_members_complete(Callback<void(const MembersReport& report)> callback);

  /// The session record of a shard, for Shard::resume(): how far Redis is, and what Discord wants to hear in a Resume.
  /// It is written as events are confirmed, at most every 250 ms and at close, and lives for an hour after that. Calls
  /// back from the loop, once open has succeeded. Errors: entry_not_found when none is recorded, the bot has run with
  /// another number of shards since, or Redis has lost data; backend_error, invalid_data_found, closed_client.
  void get_session(std::uint32_t shard_id, std::uint32_t shard_count, Callback<void(Result<Session>)> on_session);

  /// Reading and writing by what is named; see sake/methods.h for the calls by name. What was dispatched is seen by a
  /// read that is made after its completion, or after flush().
  Request<Entity> get(EntityKey key);

  /// Many entities of one resource in one trip, in the order of `ids`; none where there is no such entity. Members,
  /// presences and voice states are those of `guild_id`. Invites have no ids and are refused.
  Request<std::vector<std::optional<Entity>>> get_many(Resource resource, std::vector<std::uint64_t> ids,
                                                       std::uint64_t guild_id = 0);

  /// Walks a collection, `window_size` entities at a time; nothing is asked before the first step.
  EntityIterator iterate(const Scope& scope, std::size_t window_size = default_window_size);

  /// The id comes from the payload, the guild from the key where the method by name takes one.
  Request<void> set(EntityKey key, std::string payload, std::optional<Lifetime> expire_time = std::nullopt);
  /// update_message() of MessageCache.
  Request<bool> update(std::string message, std::optional<Lifetime> expire_time = std::nullopt);
  /// Deletes one entity and its references; one that is not there is no error.
  Request<void> erase(EntityKey key);
  /// Deletes all of a collection; what is written meanwhile may stay.
  Request<void> clear(const Scope& scope);

  /// What a member may do in a channel or thread, or without one in the guild as a whole, computed from the cache in
  /// two trips; see sake/permissions.h. Rather than guess it refuses. A role that the member has and that is known to
  /// be deleted counts nothing.
  ///
  /// Errors: entry_not_found when a part is not cached (the text names it) or the guild is dirty, when the channel is
  /// of another guild, and for a private thread in which only its members may do something: Discord tells a bot only of
  /// itself whether it is one. invalid_argument when an option leaves out what is needed, naming it.
  /// invalid_data_found, backend_error, closed_client.
  Request<PermissionReport> permissions_in(std::uint64_t guild_id, std::uint64_t user_id,
                                           std::optional<std::uint64_t> channel_id = std::nullopt,
                                           Reasons reasons = Reasons::none);

  /// Between a successful open and the start of close.
  bool is_alive() const noexcept;

  /// A copy of the counters, at any time; cheap.
  Stats stats() const;

  /// Stats::pending_bytes alone: what is compared with Options::pending_bytes_max.
  std::size_t pending_bytes() const noexcept;

  /// The options in use.
  const Options& options() const noexcept;

  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

 private:
  friend class Bridge;
  friend class ResourceClient;
  friend class Shard;
  struct Impl;
  /// open() that takes the options over only when they are good, and gives them back when the cache has been closed.
  static Result<std::unique_ptr<Cache>> open_with(uv_loop_s* loop, Options& options, Callback<void(Status)> on_open);
  Options take_options() noexcept;
  /// Ends what is pending now, whatever close() would still wait for.
  void end_close();
  explicit Cache(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sake
