#include "store/settings.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "store/keys.h"

using namespace sake;
using namespace std::chrono_literals;
using store::LifeMs;
using store::Settings;

namespace {

Settings resolved(const Options& options = {}) {
  auto settings = store::resolve(options);
  REQUIRE_MESSAGE(settings.has_value(), describe(settings.has_value() ? Error{} : settings.error()));
  return settings.value();
}

/// The text with which the options are refused.
std::string refusal(const Options& options) {
  const auto settings = store::resolve(options);
  REQUIRE_FALSE(settings.has_value());
  CHECK(settings.error().code == Errc::invalid_argument);
  CHECK(settings.error().cause == Cause::none);
  CHECK_FALSE(settings.error().may_have_run);
  return settings.error().text;
}

/// Whether the text begins with the name of the option.
bool names(const std::string& text, std::string_view option) { return text.starts_with(std::string(option) + ":"); }

bool says(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

LifeMs milliseconds(Lifetime lifetime) {
  if (!lifetime.duration()) return std::nullopt;
  return lifetime.duration()->count();
}

}  // namespace

TEST_CASE("the defaults are accepted and are those of the stored format") {
  const Settings settings = resolved();
  CHECK(settings.resources == Resources::all());
  for (Resource resource : all_resources()) {
    CAPTURE(name(resource));
    CHECK(settings.database_of(resource) == static_cast<int>(resource));
    CHECK(settings.uses(resource) == (settings.database_of(resource) < 16));
  }
  CHECK(settings.life_of(Resource::user) == 3'600'000);
  CHECK(settings.life_of(Resource::message) == 300'000);
  CHECK(settings.life_of(Resource::invite) == 2'592'000'000);
  for (Resource resource : all_resources())
    if (resource != Resource::user && resource != Resource::message && resource != Resource::invite)
      CHECK(settings.life_of(resource) == 604'800'000);
  CHECK(settings.reference_life == 1'209'600'000);
  CHECK(sake::store::uses_references(settings.resources, settings.indices));
}

TEST_CASE("an option that cannot work is refused with a text that begins with its name") {
  struct Refused {
    std::string_view option;
    void (*spoil)(Options&);
  };
  const Refused refused[] = {
      {"max_connections_per_db", [](Options& o) { o.max_connections_per_db = 0; }},
      {"max_connections_per_db", [](Options& o) { o.max_connections_per_db = -1; }},
      {"pending_bytes_max", [](Options& o) { o.pending_bytes_max = 0; }},
      {"batch_bytes", [](Options& o) { o.batch_bytes = 0; }},
      {"in_flight_bytes_max", [](Options& o) { o.in_flight_bytes_max = 0; }},
      {"frame_bytes_max", [](Options& o) { o.frame_bytes_max = 0; }},
      {"frame_bytes_max", [](Options& o) { o.frame_bytes_max = (std::size_t{1} << 30) + 1; }},
      {"connect_timeout", [](Options& o) { o.connect_timeout = 0ms; }},
      {"connect_timeout", [](Options& o) { o.connect_timeout = -1ms; }},
      {"command_timeout", [](Options& o) { o.command_timeout = 0ms; }},
      {"drain_timeout", [](Options& o) { o.drain_timeout = -1ms; }},
      {"open_timeout", [](Options& o) { o.open_timeout = -1ms; }},
      {"resources", [](Options& o) { o.resources = {}; }},
      {"index_overrides",
       [](Options& o) {
         o.index_overrides = {{Resource::guild, -1}};
       }},
      {"default_expire", [](Options& o) { o.default_expire = 0.0; }},
      {"default_expire", [](Options& o) { o.default_expire = -1s; }},
      {"user_expire", [](Options& o) { o.user_expire = 0ms; }},
      {"user_expire", [](Options& o) { o.user_expire = -0.5; }},
      {"message_expire", [](Options& o) { o.message_expire = 0s; }},
      {"message_expire", [](Options& o) { o.message_expire = -1ms; }},
      {"invite_expire", [](Options& o) { o.invite_expire = 0h; }},
      {"invite_expire", [](Options& o) { o.invite_expire = -1h; }},
  };
  for (const Refused& each : refused) {
    CAPTURE(each.option);
    Options options;
    each.spoil(options);
    const std::string text = refusal(options);
    CAPTURE(text);
    CHECK(names(text, each.option));
  }
}

TEST_CASE("what is at the edge of being refused is accepted") {
  Options options;
  options.max_connections_per_db = 1;
  options.pending_bytes_max = 1;
  options.batch_bytes = 1;
  options.in_flight_bytes_max = 1;
  options.frame_bytes_max = std::size_t{1} << 30;
  options.connect_timeout = 1ms;
  options.command_timeout = 1ms;
  options.drain_timeout = 0ms;
  options.open_timeout = 0ms;
  options.default_expire = 1ms;
  options.user_expire = 0.001;
  const Settings settings = resolved(options);
  CHECK(settings.life_of(Resource::guild) == 1);
  CHECK(settings.life_of(Resource::user) == 1);
  CHECK(settings.reference_life == 2);
}

// ================================================================================================================
// Overrides

TEST_CASE("two resources in one database are refused, and the text names both and the database") {
  const std::string text = refusal(Options().with_index_override(Resource::role, 1));
  CHECK(names(text, "index_overrides"));
  CHECK(says(text, "guild"));
  CHECK(says(text, "role"));
  CHECK(says(text, "database 1"));

  const std::string both =
      refusal(Options().with_index_override(Resource::emoji, 20).with_index_override(Resource::user, 20));
  CHECK(says(both, "emoji"));
  CHECK(says(both, "user"));
  CHECK(says(both, "database 20"));
}

TEST_CASE("every pair of resources is refused in one database, and may change places") {
  for (Resource a : all_resources())
    for (Resource b : all_resources()) {
      if (a == b) continue;
      const int of_a = static_cast<int>(a);
      const int of_b = static_cast<int>(b);
      Options shared{.resources = Resources::everything()};
      refusal(shared.with_index_override(a, of_b));
      Options options{.resources = Resources::everything()};
      const Settings settings = resolved(options.with_index_override(a, of_b).with_index_override(b, of_a));
      CHECK(settings.database_of(a) == of_b);
      CHECK(settings.database_of(b) == of_a);
    }
}

TEST_CASE("a resource that is not in use is in nobody's way") {
  Options options;
  options.resources.erase(Resource::guild);
  options.with_index_override(Resource::role, 1);
  CHECK(resolved(options).database_of(Resource::role) == 1);
}

TEST_CASE("no resource goes to database 9") {
  for (Resource resource : all_resources()) {
    const std::string text = refusal(Options().with_index_override(resource, 9));
    CAPTURE(text);
    CHECK(names(text, "index_overrides"));
    CHECK(says(text, name(resource)));
    CHECK(says(text, "9"));
  }
}

TEST_CASE("a resource is overridden once") {
  Options options;
  options.index_overrides = {{Resource::guild, 20}, {Resource::guild, 21}};
  const std::string text = refusal(options);
  CHECK(names(text, "index_overrides"));
  CHECK(says(text, "guild"));
}

TEST_CASE("overrides are set, replaced, asked for and taken back") {
  Options options;
  CHECK_FALSE(options.get_index_override(Resource::guild));
  Options& same = options.with_index_override(Resource::guild, 20);
  CHECK(&same == &options);
  CHECK(options.get_index_override(Resource::guild) == 20);
  options.with_index_override(Resource::guild, 21).with_index_override(Resource::user, 22);
  CHECK(options.get_index_override(Resource::guild) == 21);
  CHECK(options.index_overrides.size() == 2);
  CHECK(resolved(options).database_of(Resource::guild) == 21);
  CHECK(resolved(options).database_of(Resource::user) == 22);
  options.with_index_override(Resource::guild, std::nullopt);
  CHECK_FALSE(options.get_index_override(Resource::guild));
  CHECK(options.get_index_override(Resource::user) == 22);
  CHECK(resolved(options).database_of(Resource::guild) == 1);
}

TEST_CASE("the databases of a cache are those of its resources and 9, in order") {
  CHECK(Options().all_indexes() == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  Options options;
  options.resources = Resources::everything();
  CHECK(options.all_indexes() == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17});
  options.resources = {Resource::guild, Resource::role, Resource::user};
  CHECK(options.all_indexes() == std::vector<int>{1, 6, 7, 9});
  options.with_index_override(Resource::guild, 30).with_index_override(Resource::message, 31);
  CHECK(options.all_indexes() == std::vector<int>{6, 7, 9, 30});
}

// ================================================================================================================
// Lifetimes

TEST_CASE("a lifetime is seconds with the precision of a millisecond, or any duration") {
  CHECK(milliseconds(1.0) == 1000);
  CHECK(milliseconds(0.001) == 1);
  CHECK(milliseconds(1.2345) == 1234);
  CHECK(milliseconds(0.0015) == 2);
  CHECK(milliseconds(3600) == 3'600'000);
  CHECK(milliseconds(1500ms) == 1500);
  CHECK(milliseconds(2min) == 120'000);
  CHECK(milliseconds(std::chrono::days(7)) == 604'800'000);
  CHECK(milliseconds(std::chrono::duration<double>(0.25)) == 250);
  CHECK(milliseconds(std::chrono::duration<float, std::milli>(250.0f)) == 250);
  CHECK(milliseconds(1999us) == 1);
}

TEST_CASE("never, NaN and infinity are no expiry") {
  CHECK(milliseconds(Lifetime::never) == std::nullopt);
  CHECK(milliseconds(std::nullopt) == std::nullopt);
  CHECK(milliseconds(std::numeric_limits<double>::quiet_NaN()) == std::nullopt);
  CHECK(milliseconds(std::numeric_limits<double>::infinity()) == std::nullopt);
  CHECK(milliseconds(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == std::nullopt);
  CHECK(milliseconds(1e300) == std::nullopt);
  CHECK(Lifetime(Lifetime::never) == Lifetime(std::nan("")));

  Options options;
  options.default_expire = Lifetime::never;
  options.with_user_expire(std::numeric_limits<double>::infinity())
      .with_message_expire(Lifetime::never)
      .with_invite_expire(std::nan(""));
  const Settings settings = resolved(options);
  for (Resource resource : all_resources()) CHECK(settings.life_of(resource) == std::nullopt);
  CHECK(settings.reference_life == std::nullopt);
}

TEST_CASE("lifetimes that are zero once they are rounded to a millisecond are refused as zero is") {
  for (Lifetime lifetime : {Lifetime(0.0), Lifetime(-0.0), Lifetime(0.0004), Lifetime(999us), Lifetime(-1.0),
                            Lifetime(-1e300), Lifetime(std::chrono::milliseconds::min())}) {
    Options options;
    options.default_expire = lifetime;
    CHECK(names(refusal(options), "default_expire"));
  }
}

TEST_CASE("a lifetime that Redis could not add to its clock is refused or is no expiry") {
  for (Lifetime lifetime :
       {Lifetime(std::chrono::milliseconds::max()), Lifetime(std::chrono::milliseconds(std::int64_t{1} << 60)),
        Lifetime(9e15), Lifetime(5e12)}) {
    Options options;
    options.with_message_expire(lifetime);
    const auto settings = store::resolve(options);
    if (settings.has_value()) {
      CHECK_FALSE(settings->life_of(Resource::message));
    } else {
      CHECK(names(settings.error().text, "message_expire"));
    }
  }
}

TEST_CASE("each builder of a lifetime sets its own") {
  Options options;
  Options& same = options.with_user_expire(1s).with_message_expire(2s).with_invite_expire(3s);
  CHECK(&same == &options);
  const Settings settings = resolved(options);
  CHECK(settings.life_of(Resource::user) == 1000);
  CHECK(settings.life_of(Resource::message) == 2000);
  CHECK(settings.life_of(Resource::invite) == 3000);
  CHECK(settings.life_of(Resource::guild) == 604'800'000);
}

// ===================================================================================================================
// Intents

TEST_CASE("the intents of a cache are those of its resources together") {
  using enum Intents;
  Options options;
  options.resources = {Resource::user};
  CHECK(options.all_intents() == none);
  options.resources = {Resource::role};
  CHECK(options.all_intents() == guilds);
  options.resources = {Resource::member, Resource::message};
  CHECK(options.all_intents() == (guilds | guild_members | guild_messages | direct_messages));
  CHECK(Options().all_intents() == all_intents(Resources::all()));
  const Intents all = all_intents(Resources::everything());
  for (Resource resource : all_resources()) CHECK((all & intents(resource)) == intents(resource));
  CHECK((Options().all_intents() & (guild_integrations | auto_moderation_configuration)) == none);
  CHECK(intents(Resource::thread) == guilds);
  CHECK(intents(Resource::stage_instance) == guilds);
  CHECK(intents(Resource::sticker) == (guilds | guild_expressions));
  CHECK(intents(Resource::soundboard_sound) == (guilds | guild_expressions));
  CHECK(intents(Resource::scheduled_event) == (guilds | guild_scheduled_events));
  CHECK(intents(Resource::integration) == (guilds | guild_integrations));
  CHECK(intents(Resource::auto_moderation_rule) == (guilds | auto_moderation_configuration));
  CHECK(all_intents(Resources{}) == none);
  CHECK((intents(Resource::presence) & guild_presences) != none);
  CHECK((intents(Resource::voice_state) & guild_voice_states) != none);
  CHECK((intents(Resource::emoji) & guild_expressions) != none);
  CHECK((intents(Resource::invite) & guild_invites) != none);
}

TEST_CASE("members that ride along are kept when declared intents leave nothing else to keep them current") {
  const auto harvests = [](HarvestPolicy policy, std::optional<Intents> declared) {
    Options options;
    options.policies.harvest_members = policy;
    options.intents = declared;
    return resolved(options).harvest_members;
  };
  CHECK_FALSE(harvests(HarvestPolicy::automatic, std::nullopt));
  CHECK(harvests(HarvestPolicy::automatic, Intents::guilds));
  CHECK(harvests(HarvestPolicy::automatic, Intents::none));
  CHECK_FALSE(harvests(HarvestPolicy::automatic, Intents::guilds | Intents::guild_members));
  CHECK(harvests(HarvestPolicy::on, Intents::guild_members));
  CHECK(harvests(HarvestPolicy::on, std::nullopt));
  CHECK_FALSE(harvests(HarvestPolicy::off, Intents::none));
}

TEST_CASE("database 9 holds references when something that is in use refers to something") {
  const auto refers = [](Resources resources, SecondaryIndices indices) {
    Options options;
    options.resources = resources;
    options.secondary_indices = indices;
    const auto settings = resolved(options);
    return sake::store::uses_references(settings.resources, settings.indices);
  };
  const auto none = SecondaryIndices::none();
  for (Resource resource : sake::store::listed_by_guild) CHECK(refers({resource}, none));
  CHECK(refers({Resource::voice_state}, none));
  for (Resource resource :
       {Resource::guild, Resource::member, Resource::presence, Resource::user, Resource::message, Resource::invite})
    CHECK_FALSE(refers({resource}, none));
  for (Resource resource : {Resource::member, Resource::presence, Resource::message, Resource::invite})
    CHECK(refers({resource}, SecondaryIndices::all()));
  CHECK_FALSE(refers({Resource::guild, Resource::user}, SecondaryIndices::all()));
}

TEST_CASE("what any Redis has a database for is kept unless the caller chooses, the rest when it is named") {
  for (Resource resource : all_resources()) {
    CAPTURE(name(resource));
    CHECK(Resources::everything().contains(resource));
    const bool named_only = resource == Resource::integration || resource == Resource::auto_moderation_rule;
    CHECK(Resources::all().contains(resource) == !named_only);
  }
}

TEST_CASE("resources are a set") {
  Resources resources{Resource::guild, Resource::message};
  CHECK(resources.contains(Resource::guild));
  CHECK_FALSE(resources.contains(Resource::role));
  resources.erase(Resource::guild);
  resources.erase(Resource::role);
  CHECK(resources == Resources{Resource::message});
  resources.erase(Resource::message);
  CHECK(resources.empty());
  CHECK(resources == Resources());
}
