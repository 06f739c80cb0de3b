#include "recording.h"

#include <memory>

#include "engine.h"
#include "support/proxy.h"
#include "support/redis_server.h"
#include "support/value_scanner.h"

namespace sake::bench {

std::size_t Recording::bytes(std::size_t phase) const {
  std::size_t sum = 0;
  for (const Stream& stream : streams) sum += stream.phase(phase).size();
  return sum;
}

std::size_t Recording::commands(std::size_t phase) const {
  std::size_t sum = 0;
  for (const Stream& stream : streams) sum += test::ValueScanner().pass(stream.phase(phase), SIZE_MAX).values;
  return sum;
}

Recording record(std::span<const Frames* const> phases) {
  const test::RedisServer server;
  Loop loop;
  test::Proxy proxy(loop.get(), server.socket_path());
  proxy.record(true);
  Recording recording;
  const auto end_phase = [&](std::size_t number) {
    recording.streams.resize(proxy.connections());
    for (std::size_t i = 0; i < recording.streams.size(); ++i) {
      Recording::Stream& stream = recording.streams[i];
      stream.ends.resize(number + 1, stream.ends.empty() ? 0 : stream.ends.back());
      stream.ends[number] = proxy.recorded(i).size();
    }
  };
  {
    Engine engine(loop, engine_options(proxy.address()));
    end_phase(0);
    for (std::size_t i = 0; i < phases.size(); ++i) {
      engine.feed(*phases[i]);
      end_phase(i + 1);
    }
    for (std::size_t i = 0; i < recording.streams.size(); ++i) {
      Recording::Stream& stream = recording.streams[i];
      stream.bytes = proxy.recorded(i).substr(0, stream.ends.back());
    }
  }
  return recording;
}

}  // namespace sake::bench
