// sake-inspect: looks into a cache, finds what is wrong in it and mends it. docs/inspect.md describes it.

#include <signal.h>

#include <cstdio>
#include <utility>
#include <variant>

#include <uv.h>

#include "arguments.h"
#include "commands.h"
#include "common/redis_client.h"
#include "session.h"
#include "stats.h"
#include "verify.h"

namespace {

using namespace sake::inspect;

int run_with_cache(Arguments& arguments, sake::Detached (*command)(Session&, const Arguments&)) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  int code = 0;
  {
    Session session(&loop, std::move(arguments.options));
    code = session.run([&arguments, command](Session& opened) { return command(opened, arguments); });
  }
  uv_run(&loop, UV_RUN_DEFAULT);  // Until the handles that were dropped last are closed.
  uv_loop_close(&loop);
  return code;
}

int run_with_client(const Arguments& arguments, int (*command)(const Arguments&)) {
  if (arguments.options.address.starts_with("rediss://"))
    return unable("stats and verify do not speak TLS: give them a redis:// or unix:// address");
  try {
    return command(arguments);
  } catch (const sake::tools::RedisFailure& failure) {
    return unable(failure.what());
  }
}

int run(Arguments& arguments) {
  switch (arguments.command) {
    case Command::get:
      return run_with_cache(arguments, get);
    case Command::iter:
      return run_with_cache(arguments, iterate);
    case Command::len:
      return run_with_cache(arguments, count);
    case Command::permissions:
      return run_with_cache(arguments, permissions);
    case Command::dump:
      return run_with_cache(arguments, dump);
    case Command::load:
      return run_with_cache(arguments, load);
    case Command::watch:
      return run_with_cache(arguments, watch);
    case Command::stats:
      return run_with_client(arguments, stats);
    case Command::verify:
      return run_with_client(arguments, verify);
  }
  return exit_unable;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  auto arguments = parse_arguments(argc, argv);
  if (const int* code = std::get_if<int>(&arguments)) return *code;
  const int code = run(std::get<Arguments>(arguments));
  if (std::fflush(stdout) == 0 || code != exit_done) return code;
  return unable("cannot write to standard output");
}
