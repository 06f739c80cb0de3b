#include "arguments.h"

#include <CLI/CLI.hpp>

namespace sake::bench {
namespace {

constexpr const char* description =
    "Measures the cache against alternatives, each in turn with the other, on redis-servers of its own.\n"
    "Ratios are taken pair by pair. Use a build of type release, and two processors that nothing else uses.\n";

constexpr const char* footer =
    "\nExit codes:\n"
    "  0    it was measured\n"
    "  1    with --check: a bound was missed\n"
    "  2    wrong usage, or something could not be measured\n";

struct Row {
  const char* name;
  const char* text;
  void (*run)(const Settings& settings, Report& report);
};
constexpr Row rows[] = {
    {"limit", "The engine against a client that writes the same bytes and does nothing else", run_limit},
    {"figures", "What does not depend on the clock: allocations, commands, instructions, longest turn", run_figures},
    {"naive", "The engine against clients that send one command at a time", run_naive},
    {"scale", "What more guilds, crowded guilds, larger frames and longer logs cost", run_scale},
    {"reads", "How long reads take, at rest and beside a replay", run_reads},
    {"json", "Slices of a text against RapidJSON's DOM", run_json},
    {"models", "Reading an entity through its typed model, and as objects of two other readers of JSON", run_models},
    {"memory", "Bytes in Redis for each entity", run_memory},
    {"tls", "What TLS costs", run_tls},
    {"tcp", "What TCP on this machine costs", run_tcp},
};

void define_settings(CLI::App& command, Arguments& arguments) {
  Settings& settings = arguments.settings;
  command.add_option("--pairs", settings.pairs, "Runs of each alternative")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--guilds", settings.size.guilds, "Of generated logs")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--members", settings.size.members, "Of generated logs: on average in a guild")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--events", settings.size.events, "Of generated logs: after the start")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  command.add_option("--log", settings.logs, "limit: measure this recorded log instead, plain or .zst; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_flag("--small", settings.is_small, "As little as shows that everything works");
  command.add_option("--json", arguments.json_file, "Write what was found as JSON; - is standard output")
      ->type_name("FILE");
  command.add_flag("--check", arguments.is_checked, "Exit with 1 when a bound was missed");
}

void make_small(Settings& settings) {
  settings.pairs = 1;
  settings.size.guilds = 4;
  settings.size.members = 10;
  settings.size.events = 300;
}

}  // namespace

std::variant<Arguments, int> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(description, "sake-bench");
  app.footer(footer);
  app.get_formatter()->column_width(30);
  app.require_subcommand(1);
  for (const Row& row : rows) {
    CLI::App* command = app.add_subcommand(row.name, row.text);
    define_settings(*command, arguments);
    command->callback([&arguments, &row] {
      arguments.subcommand = row.name;
      arguments.run = row.run;
    });
  }
  CLI::App* work = app.add_subcommand("work", "")->group("");
  work->add_option("NAME", arguments.work)->required();
  define_settings(*work, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    return app.exit(end) == 0 ? 0 : 2;
  }
  if (arguments.settings.is_small) make_small(arguments.settings);
  return arguments;
}

}  // namespace sake::bench
