// What `absent` is worth: the cache says it only when no event that the host has dispatched has left the entity in
// Redis. Generated gateway logs against the model of the tests, then the orders of events that are easy to get wrong.
// SAKE_FULL=1 runs more logs; SAKE_SEED=n runs one.

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/cache_fixture.h"
#include "support/gateway_log.h"
#include "support/model.h"
#include "support/proxy.h"
#include "support/random.h"
#include "support/two_guilds.h"

namespace sake::test {
namespace {

std::vector<std::uint64_t> seeds() {
  if (const char* one = std::getenv("SAKE_SEED")) return {std::strtoull(one, nullptr, 10)};
  std::vector<std::uint64_t> list(std::getenv("SAKE_FULL") != nullptr ? 40 : 4);
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = i + 1;
  return list;
}

/// As the model has it, and with every intent declared.
Options as_model() {
  Options options = everything();
  options.default_expire = options.user_expire = options.message_expire = options.invite_expire = Lifetime::never;
  options.policies.harvest_members = HarvestPolicy::on;
  return options;
}

/// Asked for with their guild; of these some are never known to be absent.
constexpr Resource asked[] = {
    Resource::role,       Resource::emoji,          Resource::channel,         Resource::voice_state,
    Resource::sticker,    Resource::stage_instance, Resource::scheduled_event, Resource::soundboard_sound,
    Resource::member,     Resource::presence,       Resource::thread,          Resource::guild,
    Resource::integration};

bool is_hash(Resource resource) {
  return resource == Resource::member || resource == Resource::presence || resource == Resource::voice_state;
}

/// Asks a cache while it is fed, and compares with the model as it is when the answer comes.
class Asker {
 public:
  Asker(CacheFixture& fixture, const Model& model, std::uint64_t seed)
      : fixture_(fixture), model_(model), random_(seed) {}

  /// Call it after each event that both have taken.
  void after_event() {
    ++dispatched_;
    if (dispatched_ % 25 == 1) collect();
    for (std::size_t i = random_.below(4); i > 0; --i) ask();
    pause();
  }

  void finish() {
    fixture_.loop.run_until([&] { return open_ == 0; });
  }

  struct Tally {
    int found = 0;
    int absent = 0;
    int unknown = 0;
  };
  std::map<Resource, Tally> tallies;

 private:
  const Json& state() {
    if (state_of_ != dispatched_) {
      state_ = model_.redis();
      state_of_ = dispatched_;
    }
    return state_;
  }

  /// Ids that exist now; those that go later are still asked for.
  void collect() {
    const Json& all = state();
    for (Resource resource : asked) {
      const Json stored = all.value(std::to_string(static_cast<int>(resource)), Json::object());
      for (const auto& [key, entry] : stored.items()) {
        if (resource == Resource::guild) guilds_.insert(key);
        if (!is_hash(resource)) {
          const Json& value = entry.at("value");
          note(resource, key, resource == Resource::guild ? key : value.value("guild_id", "0"));
          continue;
        }
        for (const auto& [user, value] : entry.at("value").items()) note(resource, user, key);
      }
    }
  }

  void note(Resource resource, const std::string& id, const std::string& guild) {
    auto& ids = ids_[resource];
    const std::pair pair(std::stoull(id), std::stoull(guild));
    if (ids.emplace(pair).second) lists_[resource].push_back(pair);
  }

  void ask() {
    if (guilds_.empty()) return;
    const Resource resource = asked[random_.below(std::size(asked))];
    auto& list = lists_[resource];
    EntityKey key{resource, 1 + random_.below(50), 0, {}};
    if (!list.empty() && !random_.one_in(4)) {
      std::tie(key.id, key.guild_id) = random_.pick(list);
    } else {
      auto guild = guilds_.begin();
      std::advance(guild, random_.below(guilds_.size()));
      key.guild_id = std::stoull(*guild);
      if (!list.empty() && random_.one_in(2)) key.id = random_.pick(list).first;  // Perhaps of another guild.
    }
    ++open_;
    fixture_.cache().get(key).then([this, key](Result<Entity> entity) { on_answer(key, entity); });
  }

  void on_answer(const EntityKey& key, const Result<Entity>& entity) {
    --open_;
    Tally& tally = tallies[key.resource];
    if (entity) {
      ++tally.found;
      return;
    }
    CHECK_MESSAGE(entity.error().code == Errc::entry_not_found, describe(entity.error()));
    if (!entity.error().is_absent) {
      ++tally.unknown;
      return;
    }
    ++tally.absent;
    const std::string id = std::to_string(key.id);
    const Json stored = state().value(std::to_string(static_cast<int>(key.resource)), Json::object());
    bool exists = stored.contains(id);
    if (is_hash(key.resource)) {
      const std::string guild = std::to_string(key.guild_id);
      exists = stored.contains(guild) && stored[guild]["value"].contains(id);
    }
    CHECK_MESSAGE(!exists, name(key.resource) << " " << id << " of guild " << key.guild_id
                                              << " was said to be absent after event " << dispatched_);
  }

  void pause() {
    if (left_-- > 0) return;
    left_ = static_cast<int>(random_.below(12));
    switch (random_.below(3)) {
      case 0:
        fixture_.flush();
        for (int i = 0; i < 4; ++i) ask();  // Of a guild at rest, as far as these are concerned.
        if (random_.one_in(2)) finish();
        break;
      case 1:
        fixture_.loop.run_for_turns(static_cast<int>(random_.between(1, 4)));
        break;
      default:  // What is on its way back comes with whatever is dispatched next.
        break;
    }
  }

  CacheFixture& fixture_;
  const Model& model_;
  Random random_;
  std::set<std::string> guilds_;
  std::map<Resource, std::set<std::pair<std::uint64_t, std::uint64_t>>> ids_;
  std::map<Resource, std::vector<std::pair<std::uint64_t, std::uint64_t>>> lists_;
  Json state_;
  std::uint64_t state_of_ = UINT64_MAX;
  std::uint64_t dispatched_ = 0;
  std::size_t open_ = 0;
  int left_ = 0;
};

TEST_CASE("while a log goes on, nothing is said to be absent that its events have left there") {
  std::map<Resource, Asker::Tally> sum;
  for (const std::uint64_t seed : seeds()) {
    CAPTURE(seed);
    LogOptions log{.seed = seed, .guilds = 3, .members = 10, .shards = seed % 3 == 0 ? 2 : 1, .frames = 900};
    log.quirks = seed % 2 == 0;
    CacheFixture fixture(as_model());
    fixture.open();
    Model model({.harvest_members = true});
    Asker asker(fixture, model, seed);
    for (const std::string& text : generate(log)) {
      const Json frame = Json::parse(text);
      model.apply_frame(frame);
      const Json shard = frame.value("shard", Json({0, 1}));
      REQUIRE(fixture.cache().shard(shard[0], shard[1]).dispatch_frame(text).ok());
      asker.after_event();
    }
    asker.finish();
    for (const auto& [resource, tally] : asker.tallies) {
      sum[resource].found += tally.found;
      sum[resource].absent += tally.absent;
      sum[resource].unknown += tally.unknown;
    }
  }
  std::string text;
  for (const auto& [resource, tally] : sum)
    text += "\n  " + std::string(name(resource)) + ": " + std::to_string(tally.found) + " found, " +
            std::to_string(tally.absent) + " absent, " + std::to_string(tally.unknown) + " unknown";
  MESSAGE("answers:" << text);
  for (Resource resource :
       {Resource::role, Resource::emoji, Resource::channel, Resource::voice_state, Resource::sticker,
        Resource::stage_instance, Resource::scheduled_event, Resource::soundboard_sound}) {
    CAPTURE(name(resource));
    CHECK(sum[resource].absent > 0);
    CHECK(sum[resource].unknown > 0);
  }
  for (Resource resource :
       {Resource::member, Resource::presence, Resource::thread, Resource::guild, Resource::integration}) {
    CAPTURE(name(resource));
    CHECK(sum[resource].absent == 0);
    CHECK(sum[resource].unknown > 0);
  }
}

template <typename T>
bool is_said_to_be_absent(CacheFixture& fixture, Request<T> request) {
  auto entity = answer(fixture, std::move(request));
  return !entity && entity.error().is_absent;
}

TEST_CASE("an answer that was under way while an event came does not say absent") {
  CacheFixture fixture;
  Proxy proxy(fixture.loop.get(), fixture.server.socket_path());
  Options options = everything();
  options.address = proxy.address();
  options.max_connections_per_db = 2;
  fixture.reopen(std::move(options));
  fixture.apply("GUILD_CREATE", guild_create(100));
  const std::size_t reader = proxy.connections();
  // The first read may go over the writer, while the reader is being made.
  fixture.cache().get_role(9, 100).then();
  fixture.loop.run_until([&] { return fixture.stats().connections > reader; });
  CHECK(is_said_to_be_absent(fixture, fixture.cache().get_role(9, 100)));

  proxy.plan({.fault = Fault::stall, .direction = Direction::to_client, .connection = reader});
  std::optional<Result<Role>> told;
  const std::size_t received = proxy.bytes_received(Direction::to_client);
  fixture.cache().get_role(9, 100).then([&](Result<Role> role) { told.emplace(std::move(role)); });
  fixture.loop.run_until([&] { return proxy.bytes_received(Direction::to_client) > received; });
  REQUIRE_FALSE(told);
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "9"}}}}) == Outcome::applied);
  REQUIRE_FALSE(told);
  proxy.resume();
  fixture.loop.run_until([&] { return told.has_value(); });
  REQUIRE_FALSE(*told);
  CHECK(told->error().code == Errc::entry_not_found);
  CHECK_FALSE(told->error().is_absent);
  CHECK(answer(fixture, fixture.cache().get_role(9, 100)));
  fixture.close();
}

TEST_CASE("what spoils the knowledge of a guild does so behind a GUILD_CREATE that is still under way") {
  CacheFixture fixture(everything());
  fixture.open();
  fixture.feed_event("GUILD_CREATE", guild_create(100));
  fixture.cache().delete_role(10001, 100).then();
  fixture.flush();
  CHECK_FALSE(fixture.exists(6, "10001"));
  CHECK_FALSE(is_said_to_be_absent(fixture, fixture.cache().get_role(10001, 100)));

  fixture.apply("GUILD_CREATE", guild_create(100));
  CHECK(is_said_to_be_absent(fixture, fixture.cache().get_role(9, 100)));
  fixture.feed_event("GUILD_CREATE", guild_create(100));
  fixture.feed_event("GUILD_DELETE", {{"id", "100"}, {"unavailable", true}});
  fixture.flush();
  CHECK_FALSE(is_said_to_be_absent(fixture, fixture.cache().get_role(9, 100)));
}

TEST_CASE("whatever the host takes away by itself is not said to be absent") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  const auto check = [&](Request<void> change) {
    fixture.apply("GUILD_CREATE", guild_create(100));
    REQUIRE(is_said_to_be_absent(fixture, cache.get_role(9, 100)));
    REQUIRE(answer(fixture, std::move(change)));
    CHECK_FALSE(fixture.exists(6, "10001"));
    CHECK_FALSE(is_said_to_be_absent(fixture, cache.get_role(10001, 100)));
  };
  check(cache.delete_role(10001, 100));
  check(cache.delete_role(10001));
  check(cache.clear_roles_for_guild(100));
  check(cache.clear_roles());
}

}  // namespace
}  // namespace sake::test
