// sake-bench: how fast the cache is, as ratios within one run. See docs/performance.md.

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <variant>

#include "arguments.h"
#include "commands.h"
#include "report.h"

namespace {

int run(const sake::bench::Arguments& arguments) {
  if (!arguments.work.empty()) {
    sake::bench::run_work(arguments.work, arguments.settings);
    return 0;
  }
  using Report = sake::bench::Report;
  Report report(arguments.subcommand,
                arguments.settings.is_small ? Report::Bounds::are_left_out : Report::Bounds::are_held);
  arguments.run(arguments.settings, report);
  report.finish(arguments.json_file);
  return arguments.is_checked && report.missed() != 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  // hiredis writes to closed sockets.
  std::signal(SIGPIPE, SIG_IGN);
  const auto parsed = sake::bench::parse_arguments(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  try {
    return run(std::get<sake::bench::Arguments>(parsed));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sake-bench: %s\n", error.what());
    return 2;
  }
}
