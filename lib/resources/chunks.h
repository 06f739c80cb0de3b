#pragma once

// The members of guilds: whose list is complete, and for those that Discord was asked for, what has come so far. A
// guild's story begins anew with each GUILD_CREATE. When the host did not ask for chunks, nothing is remembered.
// Rule to remember: what is seen is noted as it is applied, so in the order of the guild's lane; that a chunk is here
// is noted as it is dispatched, since the waiting for it is over then.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resources/id_set.h"

namespace sake::resources {

class Chunks {
 public:
  /// Of one GUILD_CREATE. What follows from an older one than the last does nothing. 0: nothing is remembered.
  using Token = std::uint64_t;

  enum class Stage : std::uint8_t {
    creating,  ///< GUILD_CREATE is being applied.
    wanted,    ///< It is, and the members are to be asked for.
    asked,     ///< They are on their way.
    settling,  ///< They are here; those that are gone are being removed.
    complete,
    given_up,
  };

  /// What the one who asks has to know.
  struct News {
    enum class What : std::uint8_t { wanted, held, complete, failed };
    What what;
    std::uint64_t guild;
    Token token;
    std::uint32_t shard = 0;
    std::size_t members = 0;
    std::int64_t delay_ms = 0;  ///< Of `held`.
  };

  Chunks();

  void turn_on() noexcept { is_on_ = true; }
  /// Forgets everything.
  void turn_off() noexcept;
  bool is_on() const noexcept { return is_on_; }

  // --- What handlers tell.

  /// GUILD_CREATE is dispatched: everything that was known of the guild is void.
  Token create(std::uint64_t guild, std::uint32_t shard);
  /// GUILD_CREATE has been applied, and did not say that these were all members.
  void want(std::uint64_t guild, Token token);
  /// Redis has just these members. From `creating` or `settling`.
  void complete(std::uint64_t guild, Token token, std::size_t members);
  /// The members that are here could not be brought to Redis. Nothing unless `settling`.
  void fail(std::uint64_t guild, Token token) noexcept;
  /// The guild was left, or has an outage.
  void forget(std::uint64_t guild) noexcept;
  /// The session is lost: GUILD_CREATEs come again.
  void forget_shard(std::uint32_t shard) noexcept;

  /// Whether anything is on its way, so that chunks are worth a look.
  bool has_runs() const noexcept { return runs_ != 0; }
  struct Arrival {
    Token token = 0;       ///< Of the run that the chunk belongs to; 0: nobody here has asked for it.
    bool is_last = false;  ///< With it, all chunks are here.
  };
  Arrival arrive(std::uint64_t guild, std::string_view nonce, std::optional<std::int64_t> index,
                 std::optional<std::int64_t> count);
  /// A member is written.
  void see(std::uint64_t guild, std::uint64_t user) {
    if (runs_ != 0) note(guild, user);
  }
  /// GUILD_MEMBER_ADD: from now on the run's data on this member are old.
  void add(std::uint64_t guild, std::uint64_t user);
  void remove(std::uint64_t guild, std::uint64_t user) {
    if (runs_ != 0) note_removed(guild, user);
  }
  enum class Told : std::uint8_t { nothing, added, removed };
  /// What events have told of the member since it was asked for.
  Told told(std::uint64_t guild, std::uint64_t user) const noexcept;
  /// All members that were seen and not removed; the run takes no further notes. Nothing when the run is void.
  std::optional<IdSet> take_seen(std::uint64_t guild, Token token);

  /// Discord wants the request later. False: nothing of this guild, or not with this nonce, was asked for.
  bool hold(std::uint64_t guild, std::string_view nonce, std::int64_t delay_ms);

  // --- What the one who asks needs.

  /// Begins a run. Returns the nonce to ask with; empty unless the guild's members are wanted.
  std::string_view ask(std::uint64_t guild, Token token);
  /// Ends it without a result; the members are wanted again.
  void take_back(std::uint64_t guild, Token token) noexcept;
  void give_up(std::uint64_t guild, Token token) noexcept;

  /// Nothing when the token is void.
  std::optional<Stage> stage(std::uint64_t guild, Token token) const noexcept;
  /// Chunks that have come of the run under way.
  std::size_t arrived(std::uint64_t guild) const noexcept;
  bool is_complete(std::uint64_t guild) const noexcept;
  std::size_t count(Stage stage) const noexcept { return counts_[static_cast<std::size_t>(stage)]; }
  std::vector<News> take_news() noexcept { return std::exchange(news_, {}); }

 private:
  struct Run {
    std::string nonce;
    std::vector<bool> chunks;  ///< Which have come; empty before the first.
    std::size_t arrived = 0;
    IdSet seen;
    std::size_t seal_at = 4096;  ///< Ids that come twice must not gather.
    std::unordered_map<std::uint64_t, Told> told;
  };
  struct Guild {
    std::uint32_t shard = 0;
    Token token = 0;
    Stage stage = Stage::creating;
    std::unique_ptr<Run> run;
  };

  Guild* find(std::uint64_t guild) noexcept;
  const Guild* find(std::uint64_t guild) const noexcept;
  Guild* find(std::uint64_t guild, Token token) noexcept;
  Run* find_run(std::uint64_t guild) noexcept;
  void note(std::uint64_t guild, std::uint64_t user);
  void note_removed(std::uint64_t guild, std::uint64_t user);
  void enter(Guild& guild, Stage stage) noexcept;
  void drop_run(Guild& guild) noexcept;

  bool is_on_ = false;
  std::unordered_map<std::uint64_t, Guild> guilds_;
  std::size_t runs_ = 0;  ///< Guilds with a Run.
  std::array<std::size_t, 6> counts_{};
  Token token_ = 0;  ///< The latest.
  std::uint64_t nonce_base_;
  std::uint64_t nonces_ = 0;
  std::vector<News> news_;
};

/// Members that are here are given up when the event ends that was to bring them to Redis, unless it succeeded.
class Settling {
 public:
  /// With token 0: of nothing.
  Settling(Chunks& chunks, std::uint64_t guild, Chunks::Token token) noexcept
      : chunks_(chunks), guild_(guild), token_(token) {}
  ~Settling() {
    if (token_ != 0) chunks_.fail(guild_, token_);
  }
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

  /// Somebody else goes on with it.
  void hand_over() noexcept { token_ = 0; }

 private:
  Chunks& chunks_;
  std::uint64_t guild_;
  Chunks::Token token_;
};

}  // namespace sake::resources
