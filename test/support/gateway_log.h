#pragma once

// Gateway logs to order: the frames that shards of one bot could have received, from a seed. Ids are consistent over
// the whole log (an update names what was created before), every kind of event occurs, and the same options give the
// same bytes with every compiler. A log is produced frame by frame, and guilds stop growing at about twice their size,
// so its length does not matter for memory; the number of guilds does (6 to 12 KB each with the default number of
// members).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sake::test {

/// Which events follow after the guilds have been announced.
enum class Mix {
  mixed,         ///< Everything: each kind of event once in order, then all of them by weight.
  steady,        ///< What a bot with all intents sees on a usual day: nine in ten frames are presences.
  no_presences,  ///< As steady without presences.
  measured,      ///< What bounds are measured with: 46 % presences, 21 % messages. All guilds are announced before.
  startup,       ///< None: only the announcements, and the member chunks of large guilds.
};

struct LogOptions {
  std::uint64_t seed = 1;
  int guilds = 12;
  int members = 30;  ///< Per guild on average; the first guild has six times as many, unless `zipf` says more.
  int shards = 1;    ///< With more than one, each frame carries "shard": [id, count].
  std::uint64_t frames = 6000;  ///< Where the log ends, unless a startup log ends earlier. HELLO and ACKs count.
  Mix mix = Mix::mixed;

  /// What Discord does now and then, and a cache has to survive: repeated and late events, events before their parent,
  /// frames sent again, unknown keys, numeric ids, odd text, other orders of keys.
  bool quirks = true;

  /// The n-th guild has one n-th of the members of the first, and as much less happens in it. There is always one of a
  /// few members, and with many guilds the first one is huge.
  bool zipf = false;

  int first_guild_percent = 0;  ///< So many of the happenings befall the first guild, and not only its own share.

  bool timestamps = false;        ///< "ts": milliseconds since 1970, beside "t".
  bool expiring_invites = false;  ///< Otherwise invites never expire, so that two replays end in the same state.
  std::int64_t start_ms = 1'700'000'000'000;
};

class GatewayLog {
 public:
  explicit GatewayLog(const LogOptions& options);
  ~GatewayLog();

  /// Replaces `frame` by the next one, without a line feed; false at the end of the log.
  bool next(std::string& frame);

  /// Frames so far by event; those that are no dispatch as "op 10".
  const std::map<std::string, std::uint64_t, std::less<>>& counts() const;

 private:
  class Script;
  std::unique_ptr<Script> script_;
};

/// A whole log at once.
std::vector<std::string> generate(const LogOptions& options);

}  // namespace sake::test
