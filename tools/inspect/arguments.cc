#include "arguments.h"

#include <cstdio>
#include <utility>

#include <CLI/CLI.hpp>

#include "sake/version.h"

#include "collection.h"
#include "common/cache_options.h"
#include "common/redis_client.h"

namespace sake::inspect {
namespace {

constexpr std::chrono::seconds open_timeout(5);

constexpr const char* description = "Looks into a sake cache in Redis, finds what is wrong in it and mends it.\n";

constexpr const char* footer =
    "\nRESOURCE is a name as in --resources, also in the plural: member, members. ME is the own user's id.\n"
    "Say --index, --resources, --secondary-indices and lifetimes as the bot that writes the cache does.\n"
    "Where an option expects LIFETIME: seconds, such as 90 or 0.5, or never.\n"
    "A password is better put into the environment variable REDISCLI_AUTH than into --address,\n"
    "where other users of this machine can see it.\n"
    "\nExamples:\n"
    "  sake-inspect get guild 613425648685547541\n"
    "  sake-inspect iter members --guild 613425648685547541 --limit 20 --fields nick,user.username\n"
    "  sake-inspect permissions 613425648685547541 80351110224678912 705416814373175316\n"
    "  sake-inspect verify --repair\n"
    "  sake-inspect dump --guild 613425648685547541 | sake-inspect --address redis://other load\n"
    "\nExit codes:\n"
    "  0    done; verify: nothing is wrong, or all of it was repaired\n"
    "  1    there is no such entity, or a part of the answer is not cached; verify: something is wrong; load: a line "
    "was refused\n"
    "  2    wrong usage, no server, or a file that cannot be read or written\n"
    "  130  stopped by Ctrl-C; 129 and 143 for SIGHUP and SIGTERM\n";

/// What the command line says before it is understood.
struct Words {
  std::string address;
  tools::LayoutWords layout;
  std::string resource;
  std::string id;
  std::string guild;
  std::string channel;
  std::string user;
  double interval = 1;
};

Resource parse_collection(const std::string& word) {
  if (const auto resource = resource_of(word)) return *resource;
  return tools::parse_resource("RESOURCE", word);
}

std::uint64_t parse_number(const char* option, const std::string& text) {
  if (const auto id = parse_id(text)) return *id;
  throw CLI::ValidationError(option, "\"" + text + "\" is no id");
}

void define_common(CLI::App& app, Arguments& arguments, Words& words) {
  app.add_option("--address", words.address,
                 "redis://[[user]:[password]@]host[:port], the same with rediss:// for TLS, or\n"
                 "unix://[[user]:[password]@]/path (redis://127.0.0.1:6379)")
      ->type_name("URL")
      ->group("Redis");
  tools::define_tls(app, arguments.options.tls);
  const char* group = "What is stored";
  tools::define_resources(app, words.layout, group);
  tools::define_secondary_indices(app, words.layout, group);
  tools::define_lifetimes(app, arguments.options, group);
  app.add_flag("--json", arguments.is_json, "A JSON object a line instead of text for people")->group("Output");
  app.set_help_flag("--help,-h", "This text")->group("Output");
  app.set_version_flag("--version", "sake-inspect " SAKE_VERSION, "The version")->group("Output");
}

CLI::App* add_command(CLI::App& app, Arguments& arguments, Command command, const char* name, const char* text) {
  CLI::App* sub = app.add_subcommand(name, text);
  sub->fallthrough();
  sub->final_callback([&arguments, command] { arguments.command = command; });
  return sub;
}

void define_scope(CLI::App& sub, Words& words) {
  sub.add_option("RESOURCE", words.resource, "What to walk over")->required()->type_name("");
  sub.add_option("--guild", words.guild, "Those of this guild")->type_name("ID");
  sub.add_option("--channel", words.channel, "Those of this channel: voice states, threads, messages, invites")
      ->type_name("ID");
  sub.add_option("--user", words.user, "Those of this user: members, presences, messages, where such indices are on")
      ->type_name("ID");
}

void define_fields(CLI::App& sub, Arguments& arguments) {
  sub.add_option("--fields", arguments.fields, "Show these; a dot leads into an object: user.username")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void define_limit(CLI::App& sub, Arguments& arguments, const char* text) {
  sub.add_option("--limit", arguments.limit, text)->type_name("N")->check(tools::whole_number);
}

void define_commands(CLI::App& app, Arguments& arguments, Words& words) {
  app.require_subcommand(1);
  const auto add = [&](Command command, const char* name, const char* text) {
    return add_command(app, arguments, command, name, text);
  };

  CLI::App* get = add(Command::get, "get", "Show one entity");
  get->add_option("RESOURCE", words.resource, "What it is")->required()->type_name("");
  get->add_option("ID", words.id, "Its id, an invite's code, or of members, presences and voice states the user's")
      ->required()
      ->type_name("");
  get->add_option("--guild", words.guild, "Whose member, presence or voice state it is")->type_name("ID");
  define_fields(*get, arguments);

  CLI::App* iter = add(Command::iter, "iter", "Walk over a collection, in no order");
  define_scope(*iter, words);
  define_limit(*iter, arguments, "Stop after N");
  define_fields(*iter, arguments);

  define_scope(*add(Command::len, "len", "How many entries a collection has"), words);

  CLI::App* permissions = add(Command::permissions, "permissions", "What a member may do, and what gives or takes it");
  permissions->add_option("GUILD", words.guild, "In which guild")->required()->type_name("");
  permissions->add_option("USER", words.user, "Whose permissions")->required()->type_name("");
  permissions->add_option("CHANNEL", words.channel, "In which channel or thread; in the guild as a whole without it")
      ->type_name("");

  CLI::App* stats = add(Command::stats, "stats", "Entities, bytes and lifetimes of each resource");
  stats
      ->add_option("--sample", arguments.sample,
                   "Look at so many keys of a database at most, and estimate the rest (10000)")
      ->type_name("N")
      ->check(tools::whole_number);

  CLI::App* verify = add(Command::verify, "verify", "Look for what is wrong");
  CLI::Option* repair =
      verify->add_flag("--repair", arguments.repairs, "Mend what can be mended safely, and say what was done");
  verify
      ->add_flag("--delete-foreign", arguments.deletes_foreign,
                 "Delete keys that are none of ours too: nobody but\nyou knows whose they are")
      ->needs(repair);

  CLI::App* dump = add(Command::dump, "dump", "Write all of a guild, a JSON object a line");
  dump->add_option("--guild", words.guild, "Which")->required()->type_name("ID");

  CLI::App* load = add(Command::load, "load", "Store what dump, or iter --json, has written");
  load->add_option("FILE", arguments.file, "Where it is; - is standard input (-)")->type_name("");

  CLI::App* watch = add(Command::watch, "watch", "Show what changes in a guild, by looking again and again");
  watch->add_option("--guild", words.guild, "Which")->required()->type_name("ID");
  watch->add_option("--interval", words.interval, "Seconds from one look to the next (1)")->type_name("SECONDS");
  define_limit(*watch, arguments, "Stop after N changes");
}

Scope parse_scope(const Words& words) {
  const Resource resource = parse_collection(words.resource);
  if (!words.guild.empty() + !words.channel.empty() + !words.user.empty() > 1)
    throw CLI::ValidationError("--guild", "cannot be used together with --channel or --user");
  if (!words.guild.empty()) return Scope::of_guild(resource, parse_number("--guild", words.guild));
  if (!words.channel.empty()) return Scope::of_channel(resource, parse_number("--channel", words.channel));
  if (!words.user.empty()) return Scope::of_user(resource, parse_number("--user", words.user));
  return Scope::all(resource);
}

EntityKey parse_key(const Words& words) {
  const Resource resource = parse_collection(words.resource);
  if (resource == Resource::invite) return {resource, 0, 0, words.id};
  if (resource == Resource::user && words.id == "ME") return EntityKey::me();
  EntityKey key{resource, parse_number("ID", words.id)};
  if (!words.guild.empty()) key.guild_id = parse_number("--guild", words.guild);
  if (is_hash(resource) && key.guild_id == 0)
    throw CLI::ValidationError("--guild", "is needed to find a " + std::string(name(resource)));
  return key;
}

void apply(const Words& words, Arguments& arguments) {
  Options& options = arguments.options;
  tools::apply(words.layout, options);
  tools::check_tls(words.address, options);
  tools::apply_address(words.address.empty() ? options.address : words.address, options);
  options.policies.reconcile = false;
  options.open_timeout = open_timeout;
  switch (arguments.command) {
    case Command::get:
      arguments.key = parse_key(words);
      break;
    case Command::iter:
    case Command::len:
      arguments.scope = parse_scope(words);
      break;
    case Command::permissions:
      arguments.guild_id = parse_number("GUILD", words.guild);
      arguments.user_id = parse_number("USER", words.user);
      if (!words.channel.empty()) arguments.channel_id = parse_number("CHANNEL", words.channel);
      break;
    case Command::stats:
      if (arguments.sample == 0) throw CLI::ValidationError("--sample", "expects a number above zero");
      break;
    case Command::dump:
    case Command::watch:
      arguments.guild_id = parse_number("--guild", words.guild);
      break;
    default:
      break;
  }
  if (!(words.interval >= 0.01 && words.interval <= 1e6))
    throw CLI::ValidationError("--interval", "expects seconds from 0.01 on");
  arguments.interval = std::chrono::milliseconds(static_cast<std::int64_t>(words.interval * 1000));
}

int refuse(const std::string& why) {
  std::fprintf(stderr, "sake-inspect: %s\nsake-inspect: see sake-inspect --help\n", why.c_str());
  return 2;
}

}  // namespace

std::variant<Arguments, int> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  Words words;
  CLI::App app(description, "sake-inspect");
  app.footer(footer);
  app.get_formatter()->column_width(30);
  app.get_formatter()->label("REQUIRED", "");
  define_common(app, arguments, words);
  define_commands(app, arguments, words);
  try {
    app.parse(tools::words_from_last(argc, argv, tools::joint));
    apply(words, arguments);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::RequiredError& missing) {
    const bool has_command = !app.get_subcommands().empty();
    return refuse(has_command ? missing.what()
                              : "no command is given: get, iter, len, permissions, stats, verify, dump, load or watch");
  } catch (const CLI::ParseError& wrong) {
    return refuse(tools::without_password(wrong.what()));
  }
  return arguments;
}

}  // namespace sake::inspect
