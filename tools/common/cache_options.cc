#include "cache_options.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace sake::tools {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
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

}  // namespace

/// CLI11 would take -1 for a very large number.
const CLI::Validator whole_number(
    [](std::string& text) -> std::string {
      const bool is_whole = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
      return is_whole ? "" : "expects a whole number, not \"" + text + "\"";
    },
    "");

std::pair<std::string, std::string> split_pair(const char* option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0 || equals + 1 == text.size())
    throw CLI::ValidationError(option, "expects name=value, not \"" + text + "\"");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Resource parse_resource(const char* option, const std::string& text) {
  if (const auto resource = resource_from_name(text)) return *resource;
  throw CLI::ValidationError(option, "there is no resource \"" + text + "\"; there are " + known_resources(", ", 1));
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

void define_resources(CLI::App& app, LayoutWords& words, const char* group) {
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
}

void define_lifetimes(CLI::App& app, Options& options, const char* group) {
  const auto lifetime = [&app, group](const char* option, Lifetime& into, const char* text) {
    app.add_option_function<std::string>(
           option, [option, &into](const std::string& value) { into = parse_lifetime(option, value); }, text)
        ->type_name("LIFETIME")
        ->group(group);
  };
  lifetime("--default-expire", options.default_expire, "Of what has no lifetime of its own (one week)");
  lifetime("--user-expire", options.user_expire, "Of users (one hour)");
  lifetime("--message-expire", options.message_expire, "Of messages (five minutes)");
  lifetime("--invite-expire", options.invite_expire, "Of invites that say nothing of their end (30 days)");
}

void define_secondary_indices(CLI::App& app, LayoutWords& words, const char* group) {
  app.add_flag("--secondary-indices", words.secondary_indices,
               "All of the optional indices, none, or these (invites_by_channel,invites_by_guild):\n"
               "messages_by_channel, messages_by_author, messages_by_guild, invites_by_channel,\n"
               "invites_by_guild, members_by_user, presences_by_user")
      ->type_name("[=all|none|NAME,...]")
      ->group(group);
}

void apply(const LayoutWords& words, Options& options) {
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
  if (!words.secondary_indices.empty()) {
    const auto indices = parse_indices(words.secondary_indices);
    if (!indices)
      throw CLI::ValidationError("--secondary-indices",
                                 "expects all, none or names from --help, not \"" + words.secondary_indices + "\"");
    options.secondary_indices = *indices;
  }
}

void check_tls(std::string_view address, const Options& options) {
  if (!address.starts_with("rediss://") && options.tls != Tls())
    throw CLI::ValidationError("--address", "the options of TLS need an address that begins with rediss://");
}

void apply_address(const std::string& address, Options& options) {
  options.address = address;
  const char* password = std::getenv("REDISCLI_AUTH");
  if (password != nullptr) options.password = password;
}

const char* joint(std::string_view word, std::string_view next) {
  return word == "--secondary-indices" && parse_indices(std::string(next)) ? "--secondary-indices=" : nullptr;
}

std::vector<std::string> words_from_last(int argc, char** argv,
                                         const char* (*joint)(std::string_view word, std::string_view next)) {
  std::vector<std::string> words;
  for (int n = argc - 1; n > 0; --n) {
    const char* const prefix = words.empty() ? nullptr : joint(argv[n], words.back());
    if (prefix != nullptr) {
      words.back().insert(0, prefix);
    } else {
      words.emplace_back(argv[n]);
    }
  }
  return words;
}

}  // namespace sake::tools
