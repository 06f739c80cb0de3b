// json: how fast the entities of an event become texts of their own: as slices, and over RapidJSON's DOM.

#include <unistd.h>

#include <stdexcept>

#include "commands.h"
#include "extraction.h"
#include "meter.h"
#include "work.h"

namespace sake::bench {
namespace {

/// Frames of one kind.
struct Kind {
  const char* name;
  std::string_view event;
  const char* slices_work;
  const char* dom_work;
};
constexpr Kind kinds[] = {
    {"GUILD_CREATE", "\"t\":\"GUILD_CREATE\"", "slices-guild", "dom-guild"},
    {"MESSAGE_CREATE", "\"t\":\"MESSAGE_CREATE\"", "slices-message", "dom-message"},
};

/// So much text is taken apart in a run.
constexpr std::size_t run_bytes = 64u << 20;
constexpr std::size_t small_run_bytes = 64u << 10;
constexpr std::size_t counted_bytes = 1u << 20;

/// Those of the log, again and again, until there is so much text.
std::vector<std::string_view> frames_of(const Kind& kind, const Log& log, std::size_t bytes) {
  std::vector<std::string_view> once;
  for (const Frames* frames : {&log.start, &log.steady})
    for (const std::string& frame : *frames)
      if (frame.find(kind.event) != frame.npos) once.push_back(frame);
  if (once.empty()) throw std::runtime_error(std::string("the log has no ") + kind.name);
  std::vector<std::string_view> frames;
  for (std::size_t gathered = 0; gathered < bytes; gathered += frames.back().size())
    frames.push_back(once[frames.size() % once.size()]);
  return frames;
}

std::size_t total(const std::vector<std::string_view>& frames) {
  std::size_t bytes = 0;
  for (const std::string_view frame : frames) bytes += frame.size();
  return bytes;
}

/// Bytes of the texts made.
template <typename Extraction>
std::size_t extract(const std::vector<std::string_view>& frames) {
  Extraction extraction;
  std::string out;
  std::size_t made = 0;
  for (const std::string_view frame : frames) {
    out.clear();
    extraction.extract(frame, out);
    made += out.size();
  }
  return made;
}

/// Of the calling process: there is no server in this.
template <typename Extraction>
double megabytes_per_second(const std::vector<std::string_view>& frames, std::size_t& made) {
  const Meter meter(getpid());
  made = extract<Extraction>(frames);
  return static_cast<double>(total(frames)) / meter.read().own_cpu_seconds / 1e6;
}

void measure(const Kind& kind, const Log& log, const Settings& settings, Report& report) {
  const std::vector<std::string_view> frames = frames_of(kind, log, settings.scaled(run_bytes, small_run_bytes));
  Samples slices;
  Samples dom;
  std::size_t sliced_bytes = 0;
  std::size_t dom_bytes = 0;
  for (int run = 0; run < settings.pairs; ++run) {
    slices.add(megabytes_per_second<SliceExtraction>(frames, sliced_bytes));
    dom.add(megabytes_per_second<DomExtraction>(frames, dom_bytes));
  }
  // Escapes that the DOM writes in another way are all that may differ.
  if (sliced_bytes > dom_bytes * 11 / 10 || dom_bytes > sliced_bytes * 11 / 10)
    throw std::runtime_error(std::string(kind.name) + ": slices gave " + std::to_string(sliced_bytes) +
                             " bytes, the DOM " + std::to_string(dom_bytes));
  report.begin(kind.name);
  report.fact("frames", frames.size());
  report.fact("bytes of a frame", total(frames) / frames.size());
  report.figure("slices / DOM, speed", "", slices / dom);
  report.figure("slices", "MB per CPU second", slices);
  report.figure("DOM", "MB per CPU second", dom);
  for (const auto& [name, work] : {std::pair("slices", kind.slices_work), std::pair("DOM", kind.dom_work)}) {
    const std::optional<WorkDone> done = count_work(work, settings);
    if (!done) return report.note("There is no valgrind: instructions are left out.");
    report.figure(std::string(name) + ", instructions", "per byte",
                  {done->instructions / done->amounts.at("bytes").get<double>()});
    if (settings.is_small) break;  // One shows that it works.
  }
}

template <typename Extraction>
nlohmann::json extract_counted(const Kind& kind, const Settings& settings) {
  const Log log = generate_log("counted", settings.size);
  const std::vector<std::string_view> frames = frames_of(kind, log, counted_bytes);
  count_instructions_of([&] { extract<Extraction>(frames); });
  return {{"bytes", total(frames)}};
}

}  // namespace

nlohmann::json slice_guilds(const Settings& settings) { return extract_counted<SliceExtraction>(kinds[0], settings); }
nlohmann::json slice_messages(const Settings& settings) { return extract_counted<SliceExtraction>(kinds[1], settings); }
nlohmann::json parse_guilds(const Settings& settings) { return extract_counted<DomExtraction>(kinds[0], settings); }
nlohmann::json parse_messages(const Settings& settings) { return extract_counted<DomExtraction>(kinds[1], settings); }

void run_json(const Settings& settings, Report& report) {
  Settings smaller = settings;
  smaller.size.guilds = settings.scaled(20, 2);
  smaller.size.events = settings.scaled<std::uint64_t>(5'000, 200);
  const Log log = generate_log("extracted", smaller.size);
  for (const Kind& kind : kinds) measure(kind, log, smaller, report);
}

}  // namespace sake::bench
