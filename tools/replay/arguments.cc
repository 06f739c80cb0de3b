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

#include "redis_question.h"

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

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

/// CLI11 would take -1 for a very large number.
const CLI::Validator whole_number(
    [](std::string& text) -> std::string {
      const bool is_whole = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
      return is_whole ? "" : "expects a whole number, not \"" + text + "\"";
    },
    "");

/// Splits "name=value".
std::pair<std::string, std::string> split_pair(const char* option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0 || equals + 1 == text.size())
    throw CLI::ValidationError(option, "expects name=value, not \"" + text + "\"");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

/// The names of all resources, `per_line` in a line.
std::string known_resources(std::string_view line_end, std::size_t per_line) {
  std::string names;
  std::size_t count = 0;
  for (const Resource resource : all_resources()) {
    if (count != 0) names.append(count % per_line == 0 ? line_end : ", ");
    names.append(name(resource));
    ++count;
  }
  return names;
}

Resource parse_resource(const char* option, const std::string& text) {
  if (const auto resource = resource_from_name(text)) return *resource;
  throw CLI::ValidationError(option, "there is no resource \"" + text + "\"; there are " + known_resources(", ", 1));
}

Lifetime parse_lifetime(const std::string& option, const std::string& text) {
  if (text == "never") return Lifetime::never;
  double seconds = 0;
  // NaN and infinity pass: they mean never as well.
  if (!CLI::detail::lexical_cast(text, seconds) || seconds < 0.001)
    throw CLI::ValidationError(option, "expects seconds above zero, or never, not \"" + text + "\"");
  return Lifetime(seconds);
}

struct NamedIndex {
  const char* name;
  bool SecondaryIndices::*member;
};
constexpr NamedIndex named_indices[] = {
    {"messages_by_channel", &SecondaryIndices::messages_by_channel},
    {"messages_by_author", &SecondaryIndices::messages_by_author},
    {"messages_by_guild", &SecondaryIndices::messages_by_guild},
    {"invites_by_channel", &SecondaryIndices::invites_by_channel},
    {"invites_by_guild", &SecondaryIndices::invites_by_guild},
    {"members_by_user", &SecondaryIndices::members_by_user},
    {"presences_by_user", &SecondaryIndices::presences_by_user},
};

/// "all", "none" or a list of names; empty when it is none of them.
std::optional<SecondaryIndices> parse_indices(const std::string& text) {
  if (text == "all" || text == "true") return SecondaryIndices::all();  // "true" is the flag without a value.
  SecondaryIndices indices = SecondaryIndices::none();
  if (text == "none") return indices;
  for (const std::string& item : split(text)) {
    const auto* known =
        std::find_if(std::begin(named_indices), std::end(named_indices), [&](auto& each) { return each.name == item; });
    if (known == std::end(named_indices)) return std::nullopt;
    indices.*known->member = true;
  }
  return indices;
}

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
    const auto [policy, value] = split_pair("--policy", setting);
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
    const auto [resource, fields] = split_pair(option, word);
    selections.push_back({parse_resource(option, resource), CLI::detail::split(fields, ',')});
  }
  return selections;
}

/// What the command line says before it is understood.
struct Words {
  std::string address;
  std::vector<std::string> resources;
  std::vector<std::string> indexes;
  std::vector<std::string> policies;
  std::vector<std::string> kept_fields;
  std::vector<std::string> dropped_fields;
  std::string secondary_indices;
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

void define_tls(CLI::App& app, Tls& tls) {
  const char* group = "TLS, with a rediss:// address";
  const auto option = [&app, group](const char* name, std::string& into, const char* type, const char* text) {
    app.add_option(name, into, text)->type_name(type)->group(group);
  };
  option("--tls-ca-file", tls.ca_file, "FILE",
         "Authorities that may vouch for the server, in PEM (those of the system)");
  option("--tls-ca-directory", tls.ca_directory, "DIR", "The same in a directory that openssl rehash has indexed");
  option("--tls-certificate", tls.certificate_file, "FILE", "Our certificate for a server that asks for one, in PEM");
  option("--tls-key", tls.key_file, "FILE", "Its key (in the same file)");
  option("--tls-server-name", tls.server_name, "NAME", "Whom the certificate must name (the host of the address)");
  app.add_flag("--insecure-no-verification", tls.insecure_no_verification, "Speak to whoever answers")->group(group);
  option("--insecure-pinned-sha256", tls.insecure_pinned_sha256, "HEX",
         "Speak to whoever has the certificate with this fingerprint, and look at nothing else");
}

void define_storage(CLI::App& app, Arguments& arguments, Words& words) {
  const char* group = "What is stored";
  app.add_option("--resources", words.resources,
                 "Only these (those of databases 0 to 15), or everything: " + known_resources(",\n", 4))
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--index", words.indexes, "Another database for a resource; repeatable")
      ->type_name("NAME=DB")
      ->allow_extra_args(false)
      ->group(group);
  const auto fields = [&app, group](const char* name, std::vector<std::string>& into, const char* text) {
    app.add_option(name, into, text)->type_name("NAME=FIELD,...")->allow_extra_args(false)->group(group);
  };
  fields("--keep-fields", words.kept_fields,
         "Of this resource store only these fields, and what the\ncache needs itself; repeatable. Also --keep "
         "NAME=FIELD,...");
  fields("--drop", words.dropped_fields, "Of this resource store all but these fields; repeatable");
  const auto lifetime = [&app, group](const char* option, Lifetime& into, const char* text) {
    app.add_option_function<std::string>(
           option, [option, &into](const std::string& value) { into = parse_lifetime(option, value); }, text)
        ->type_name("LIFETIME")
        ->group(group);
  };
  Options& options = arguments.options;
  lifetime("--default-expire", options.default_expire, "Of what has no lifetime of its own (one week)");
  lifetime("--user-expire", options.user_expire, "Of users (one hour)");
  lifetime("--message-expire", options.message_expire, "Of messages (five minutes)");
  lifetime("--invite-expire", options.invite_expire, "Of invites that say nothing of their end (30 days)");
  app.add_flag("--secondary-indices", words.secondary_indices,
               "All of the optional indices, none, or these (invites_by_channel,invites_by_guild):\n"
               "messages_by_channel, messages_by_author, messages_by_guild, invites_by_channel,\n"
               "invites_by_guild, members_by_user, presences_by_user")
      ->type_name("[=all|none|NAME,...]")
      ->group(group);
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
      ->check(whole_number)
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
      ->check(whole_number)
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
  if (!words.resources.empty()) {
    const bool everything = words.resources == std::vector<std::string>{"everything"};
    options.resources = everything ? Resources::everything() : Resources();
    if (!everything)
      for (const std::string& each : words.resources) options.resources.insert(parse_resource("--resources", each));
  }
  for (const std::string& each : words.indexes) {
    const auto [resource, database] = split_pair("--index", each);
    int index = 0;
    if (!CLI::detail::lexical_cast(database, index) || index < 0)
      throw CLI::ValidationError("--index", "\"" + database + "\" is not the number of a database");
    options.index_overrides.push_back({parse_resource("--index", resource), index});
  }
  options.keep_fields = parse_fields("--keep-fields", words.kept_fields);
  options.drop_fields = parse_fields("--drop", words.dropped_fields);
  if (!words.secondary_indices.empty()) {
    const auto indices = parse_indices(words.secondary_indices);
    if (!indices)
      throw CLI::ValidationError("--secondary-indices",
                                 "expects all, none or names from --help, not \"" + words.secondary_indices + "\"");
    options.secondary_indices = *indices;
  }
  if (words.intents) options.intents = static_cast<Intents>(*words.intents);

  arguments.has_address = !words.address.empty();
  if (arguments.has_address) {
    options.address = words.address;
    const char* password = std::getenv("REDISCLI_AUTH");
    if (password != nullptr) options.password = password;
    options.policies.reconcile = false;
    if (arguments.keeps_server) throw CLI::ValidationError("--keep", "there is no private server with --address");
  }
  if (!words.address.starts_with("rediss://") && options.tls != Tls())
    throw CLI::ValidationError("--address", "the options of TLS need an address that begins with rediss://");
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
      throw CLI::ValidationError("LOG", without_password(log) + " is no log; name a server with --address");
  if (arguments.stats_file == "-" && arguments.errors_file == "-")
    throw CLI::ValidationError("--errors", "standard output is taken by --stats");
}

/// Whether the word names fields of a resource, rather than a log: role=id,name.
bool names_fields(std::string_view word) {
  const std::size_t equals = word.find('=');
  return equals != word.npos && resource_from_name(word.substr(0, equals));
}

/// A flag may also stand before its value without "=", as the other options do: where the next word can only be one.
std::vector<std::string> join_flag_value(int argc, char** argv) {
  std::vector<std::string> words;
  for (int n = argc - 1; n > 0; --n) {
    if (argv[n] == std::string_view("--secondary-indices") && !words.empty() && parse_indices(words.back())) {
      words.back().insert(0, "--secondary-indices=");
    } else if (argv[n] == std::string_view("--keep") && !words.empty() && names_fields(words.back())) {
      words.back().insert(0, "--keep-fields=");
    } else {
      words.emplace_back(argv[n]);
    }
  }
  return words;  // From the last to the first, as CLI11 takes them.
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
  define_tls(app, arguments.options.tls);
  define_storage(app, arguments, words);
  define_pace_and_output(app, arguments);
  try {
    app.parse(join_flag_value(argc, argv));
    apply(words, arguments);
    check(arguments);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::RequiredError&) {
    return refuse("no log is given: name a file, or - for standard input");
  } catch (const CLI::ParseError& wrong) {
    return refuse(without_password(wrong.what()));
  }
  return arguments;
}

}  // namespace sake::replay
