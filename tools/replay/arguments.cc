#include "arguments.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "sake/version.h"

#include "common/cache_options.h"
#include "common/redis_client.h"

namespace sake::replay {
namespace {

/// Keeps Redis as busy as the library's default does, in 50 MiB less.
constexpr std::size_t pending_bytes_max = 4u << 20;
constexpr std::chrono::seconds open_timeout(5);

constexpr const char* description =
    "Replays recorded Discord gateway logs into Redis through the sake cache.\n\n"
    "A LOG holds one gateway frame, or one {\"t\",\"d\"}, a line, and may be compressed (.gz, .zst).\n"
    "Beside them a line may have \"shard\":[id,count], and \"ts\", its time in milliseconds.\n"
    "\"-\" is standard input. Several logs are replayed one after the other. A log without \"shard\" in\n"
    "its lines is a shard of its own: the one its READY names, before a READY the n-th of as many as\n"
    "there are logs. The parts of one recording are one log: cat part1 part2 | sake-replay -\n";

constexpr const char* footer =
    "\nWhere an option expects LIFETIME: seconds, such as 90 or 0.5, or never.\n"
    "A password is better put into the environment variable REDISCLI_AUTH than into --address,\n"
    "where other users of this machine can see it.\n"
    "\nExamples:\n"
    "  sake-replay shard0.ndjson.zst                    try a log on a server of its own\n"
    "  sake-replay --keep shard*.ndjson.gz              and look at what is cached\n"
    "  sake-replay --address redis://cache:6379 --speed 1 today.ndjson\n"
    "  recorder | sake-replay --stats - --errors bad.txt -\n"
    "\nExit codes:\n"
    "  0    every frame was applied or ignored\n"
    "  1    some frames were rejected or failed, or a log is damaged\n"
    "  2    wrong usage, no server, or a file that cannot be read or written\n"
    "  130  stopped by Ctrl-C, after what was under way; 129 and 143 for SIGHUP and SIGTERM\n";

struct PolicyValue {
  const char* name;
  const char* value;
  void (*apply)(Policies& policies);
};
constexpr PolicyValue policy_values[] = {
    {"guild_create_members", "automatic", [](Policies& p) { p.guild_create_members = MemberPolicy::automatic; }},
    {"guild_create_members", "replace", [](Policies& p) { p.guild_create_members = MemberPolicy::replace; }},
    {"guild_create_members", "merge", [](Policies& p) { p.guild_create_members = MemberPolicy::merge; }},
    {"harvest_members", "automatic", [](Policies& p) { p.harvest_members = HarvestPolicy::automatic; }},
    {"harvest_members", "on", [](Policies& p) { p.harvest_members = HarvestPolicy::on; }},
    {"harvest_members", "off", [](Policies& p) { p.harvest_members = HarvestPolicy::off; }},
    {"reconcile", "on", [](Policies& p) { p.reconcile = true; }},
    {"reconcile", "off", [](Policies& p) { p.reconcile = false; }},
    {"scrub_deleted_roles", "on", [](Policies& p) { p.scrub_deleted_roles = true; }},
    {"scrub_deleted_roles", "off", [](Policies& p) { p.scrub_deleted_roles = false; }},
    {"track_reactions", "on", [](Policies& p) { p.track_reactions = true; }},
    {"track_reactions", "off", [](Policies& p) { p.track_reactions = false; }},
    {"track_channel_activity", "on", [](Policies& p) { p.track_channel_activity = true; }},
    {"track_channel_activity", "off", [](Policies& p) { p.track_channel_activity = false; }},
};

void apply_policies(Policies& policies, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const auto [policy, value] = tools::split_pair("--policy", setting);
    std::string known;
    bool is_applied = false;
    for (const PolicyValue& each : policy_values) {
      if (policy != each.name) continue;
      known.append(known.empty() ? "" : ", ").append(each.value);
      if (value != each.value) continue;
      each.apply(policies);
      is_applied = true;
    }
    if (known.empty()) throw CLI::ValidationError("--policy", "there is no policy \"" + policy + "\"; see --help");
    if (!is_applied) throw CLI::ValidationError("--policy", policy + " is one of " + known + ", not \"" + value + "\"");
  }
}

std::vector<FieldSelection> parse_fields(const char* option, const std::vector<std::string>& words) {
  std::vector<FieldSelection> selections;
  for (const std::string& word : words) {
    const auto [resource, fields] = tools::split_pair(option, word);
    selections.push_back({tools::parse_resource(option, resource), CLI::detail::split(fields, ',')});
  }
  return selections;
}

/// What the command line says before it is understood.
struct Words {
  std::string address;
  tools::LayoutWords layout;
  std::vector<std::string> policies;
  std::vector<std::string> kept_fields;
  std::vector<std::string> dropped_fields;
  std::vector<std::uint64_t> only_guilds;
  std::optional<std::uint32_t> intents;
};

void define_redis(CLI::App& app, Arguments& arguments, Words& words) {
  app.add_option("--address", words.address,
                 "redis://[[user]:[password]@]host[:port], the same with rediss:// for TLS, or\n"
                 "unix://[[user]:[password]@]/path\n"
                 "(none: a private redis-server is started, and dies with the replay)")
      ->type_name("URL")
      ->group("Redis");
  app.add_flag("--keep", arguments.keeps_server, "Leave the private redis-server running, and say how to stop it")
      ->group("Redis");
  app.add_option("--max-connections-per-db", arguments.options.max_connections_per_db,
                 "Connections to one database (5)")
      ->type_name("N")
      ->group("Redis");
}

void define_storage(CLI::App& app, Arguments& arguments, Words& words) {
  const char* group = "What is stored";
  tools::define_resources(app, words.layout, group);
  const auto fields = [&app, group](const char* name, std::vector<std::string>& into, const char* text) {
    app.add_option(name, into, text)->type_name("NAME=FIELD,...")->allow_extra_args(false)->group(group);
  };
  fields("--keep-fields", words.kept_fields,
         "Of this resource store only these fields, and what the\ncache needs itself; repeatable. Also --keep "
         "NAME=FIELD,...");
  fields("--drop", words.dropped_fields, "Of this resource store all but these fields; repeatable");
  app.add_option("--only-guild", words.only_guilds, "Cache this guild and others so named, and no more; repeatable")
      ->type_name("ID")
      ->group(group);
  app.add_flag("--no-bots", arguments.options.filters.no_bots,
               "Store no users, members, presences and voice states of bots")
      ->group(group);
  app.add_flag("--no-webhook-messages", arguments.options.filters.no_webhook_messages, "Store no messages of webhooks")
      ->group(group);
  tools::define_lifetimes(app, arguments.options, group);
  tools::define_secondary_indices(app, words.layout, group);
  app.add_option("--policy", words.policies,
                 "Repeatable; the first value is the default:\n"
                 "guild_create_members=automatic|replace|merge\n"
                 "harvest_members=automatic|on|off\n"
                 "reconcile=on|off: a READY removes the guilds it does not list. With --address it\n"
                 "  is off unless asked for, so that an old log does not empty a live cache\n"
                 "scrub_deleted_roles=off|on\n"
                 "track_reactions=on|off\n"
                 "track_channel_activity=off|on")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--intents", words.intents, "The gateway intents the recorded sessions had, as a number")
      ->type_name("N")
      ->check(tools::whole_number)
      ->group(group);
}

void define_pace_and_output(CLI::App& app, Arguments& arguments) {
  app.add_option("--rate", arguments.plan.pace.rate, "N events a second")->type_name("N")->group("Pace");
  app.add_option("--speed", arguments.plan.pace.speed,
                 "X times as fast as recorded, by the \"ts\" of the lines; a line without one is due\n"
                 "at once")
      ->type_name("X")
      ->group("Pace");
  app.add_option("--limit", arguments.plan.limit, "Stop after N frames")
      ->type_name("N")
      ->check(tools::whole_number)
      ->group("Pace");

  app.add_option("--stats", arguments.stats_file, "Write the final figures as JSON; - is standard output")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--errors", arguments.errors_file,
                 "Write log, line, event and reason of every frame that was rejected or failed")
      ->type_name("FILE")
      ->group("Output");
  app.add_flag("--quiet", arguments.is_quiet, "Show no progress")->group("Output");
  app.set_help_flag("--help,-h", "This text")->group("Output");
  app.set_version_flag("--version", "sake-replay " SAKE_VERSION, "The version")->group("Output");
}

void apply(const Words& words, Arguments& arguments) {
  Options& options = arguments.options;
  tools::apply(words.layout, options);
  options.keep_fields = parse_fields("--keep-fields", words.kept_fields);
  options.drop_fields = parse_fields("--drop", words.dropped_fields);
  options.filters.only_guilds = words.only_guilds;
  if (words.intents) options.intents = static_cast<Intents>(*words.intents);

  arguments.has_address = !words.address.empty();
  if (arguments.has_address) {
    tools::apply_address(words.address, options);
    options.policies.reconcile = false;
    if (arguments.keeps_server) throw CLI::ValidationError("--keep", "there is no private server with --address");
  }
  tools::check_tls(words.address, options);
  apply_policies(options.policies, words.policies);
  options.pending_bytes_max = pending_bytes_max;
  options.open_timeout = open_timeout;
}

void check(const Arguments& arguments) {
  const Pace::Settings& pace = arguments.plan.pace;
  if (pace.rate && !(*pace.rate > 0)) throw CLI::ValidationError("--rate", "expects a number above zero");
  if (pace.speed && !(*pace.speed > 0)) throw CLI::ValidationError("--speed", "expects a number above zero");
  if (pace.rate && pace.speed) throw CLI::ValidationError("--rate", "cannot be used together with --speed");
  const auto& logs = arguments.plan.logs;
  if (std::count(logs.begin(), logs.end(), "-") > 1)
    throw CLI::ValidationError("LOG", "standard input can be read only once");
  for (const std::string& log : logs)
    if (log.starts_with("redis://") || log.starts_with("rediss://") || log.starts_with("unix://"))
      throw CLI::ValidationError("LOG", tools::without_password(log) + " is no log; name a server with --address");
  if (arguments.stats_file == "-" && arguments.errors_file == "-")
    throw CLI::ValidationError("--errors", "standard output is taken by --stats");
}

/// Whether the word names fields of a resource, rather than a log: role=id,name.
bool names_fields(std::string_view word) {
  const std::size_t equals = word.find('=');
  return equals != word.npos && resource_from_name(word.substr(0, equals));
}

/// What belongs in front of `next` because the word before it is a flag.
const char* joint(std::string_view word, std::string_view next) {
  if (const char* shared = tools::joint(word, next)) return shared;
  return word == "--keep" && names_fields(next) ? "--keep-fields=" : nullptr;
}

int refuse(const std::string& why) {
  std::fprintf(stderr, "sake-replay: %s\nsake-replay: see sake-replay --help\n", why.c_str());
  return 2;
}

}  // namespace

std::variant<Arguments, int> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  Words words;
  CLI::App app(description, "sake-replay");
  app.footer(footer);
  app.get_formatter()->column_width(30);
  app.get_formatter()->label("REQUIRED", "");
  app.add_option("LOG", arguments.plan.logs, "A file, or - for standard input")
      ->required()
      ->type_name("")
      ->group("Logs");
  define_redis(app, arguments, words);
  tools::define_tls(app, arguments.options.tls);
  define_storage(app, arguments, words);
  define_pace_and_output(app, arguments);
  try {
    app.parse(tools::words_from_last(argc, argv, joint));
    apply(words, arguments);
    check(arguments);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::RequiredError&) {
    return refuse("no log is given: name a file, or - for standard input");
  } catch (const CLI::ParseError& wrong) {
    return refuse(tools::without_password(wrong.what()));
  }
  return arguments;
}

}  // namespace sake::replay
