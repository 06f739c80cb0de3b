// tls, tcp: the same log over TLS or TCP on this machine, and over a Unix socket.

#include "commands.h"
#include "live_run.h"
#include "support/redis_server.h"
#ifdef SAKE_BENCH_TLS
#include "support/certificates.h"
#include "support/tls_server.h"
#endif

namespace sake::bench {
namespace {

struct Way {
  std::string name;
  test::RedisServerOptions server;
  Options (*options)(const test::RedisServer& server);
  Tls tls = {};
};

struct Costs {
  Samples wall, engine_cpu, redis_cpu;
  void add(const Usage& usage) {
    wall.add(usage.wall_seconds);
    engine_cpu.add(usage.own_cpu_seconds);
    redis_cpu.add(usage.redis_cpu_seconds);
  }
};

void print(const std::string& way, const Costs& costs, double events, Report& report) {
  const Samples each(std::vector<double>(costs.wall.size(), events));
  report.figure(way + ", wall", "us per event", costs.wall / each * 1e6);
  report.figure(way + ", CPU of the engine", "us per event", costs.engine_cpu / each * 1e6);
  report.figure(way + ", CPU of redis-server", "us per event", costs.redis_cpu / each * 1e6);
}

void compare(const Way& way, const Settings& settings, Report& report) {
  const Log log = generate_log("all guilds alike", settings.size);
  const std::vector<const Frames*> phases = phases_of(log);
  std::vector<Costs> theirs(phases.size());
  std::vector<Costs> plain(phases.size());
  for (int pair = 0; pair < settings.pairs; ++pair) {
    for (const bool is_plain : {false, true}) {
      const test::RedisServer server(is_plain ? test::RedisServerOptions{} : way.server);
      Options options = engine_options(server.address());
      if (!is_plain) {
        options = way.options(server);
        options.tls = way.tls;
      }
      const std::vector<Phase> run = run_live(server, std::move(options), phases, report);
      for (std::size_t i = 0; i < phases.size(); ++i) (is_plain ? plain : theirs)[i].add(run[i].usage);
    }
  }
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const std::string title = way.name + " / Unix socket, ";
    report.begin(phase_name(log, i));
    report.figure(title + "wall", "", theirs[i].wall / plain[i].wall);
    report.figure(title + "CPU of the engine", "", theirs[i].engine_cpu / plain[i].engine_cpu);
    report.figure(title + "CPU of redis-server", "", theirs[i].redis_cpu / plain[i].redis_cpu);
    print(way.name, theirs[i], static_cast<double>(phases[i]->size()), report);
    print("Unix socket", plain[i], static_cast<double>(phases[i]->size()), report);
  }
}

}  // namespace

void run_tcp(const Settings& settings, Report& report) {
  compare({"TCP", {.tcp = true}, [](const test::RedisServer& server) { return engine_options(server.tcp_address()); }},
          settings, report);
}

void run_tls(const Settings& settings, Report& report) {
#ifdef SAKE_BENCH_TLS
  test::Certificates authority;
  Way way{"TLS", test::with_tls(authority.issue(), authority),
          [](const test::RedisServer& server) { return engine_options(server.tls_address()); }};
  way.tls.ca_file = authority.ca_file();
  compare(way, settings, report);
#else
  report.note("This build knows no TLS.");
  static_cast<void>(settings);
#endif
}

}  // namespace sake::bench
