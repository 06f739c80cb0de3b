#include "report.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "machine.h"

namespace sake::bench {
namespace {

/// Four digits, without an exponent where that is readable.
std::string shown(double value) {
  char text[40];
  const double size = std::fabs(value);
  if (value == std::floor(value) && size < 1e15) {
    std::snprintf(text, sizeof(text), "%.0f", value);
  } else if (size >= 1000) {
    std::snprintf(text, sizeof(text), "%.0f", value);
  } else {
    std::snprintf(text, sizeof(text),
                  size >= 100    ? "%.1f"
                  : size >= 10   ? "%.2f"
                  : size >= 0.01 ? "%.3f"
                                 : "%.5f",
                  value);
  }
  return text;
}

}  // namespace

Report::Report(std::string_view subcommand, Bounds bounds) : bounds_(bounds) {
  root_["subcommand"] = subcommand;
  root_["machine"] = describe_machine();
  root_["sections"] = nlohmann::ordered_json::array();
  std::printf("sake-bench %.*s\n", static_cast<int>(subcommand.size()), subcommand.data());
  for (const auto& [name, value] : root_["machine"].items())
    std::printf("  %-24s %s\n", name.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
}

void Report::begin(std::string_view section) {
  if (!section_.is_null()) root_["sections"].push_back(std::move(section_));
  section_ = {
      {"name", section}, {"facts", nlohmann::ordered_json::object()}, {"figures", nlohmann::ordered_json::array()}};
  std::printf("\n%.*s\n", static_cast<int>(section.size()), section.data());
}

void Report::fact(std::string_view name, const nlohmann::ordered_json& value) {
  section_["facts"][std::string(name)] = value;
  std::printf("  %-46.*s %12s\n", static_cast<int>(name.size()), name.data(), value.dump().c_str());
}

void Report::figure(std::string_view name, std::string_view unit, const Samples& samples, std::optional<Bound> bound) {
  if (samples.size() == 0) throw std::runtime_error(std::string(name) + ": nothing was measured");
  const double median = samples.median();
  nlohmann::ordered_json entry = {{"name", name},
                                  {"unit", unit},
                                  {"median", median},
                                  {"minimum", samples.minimum()},
                                  {"maximum", samples.maximum()},
                                  {"samples", samples.values()}};
  std::string verdict;
  if (bound && bounds_ == Bounds::are_held) {
    const bool holds = bound->is_minimum ? median >= bound->limit : median <= bound->limit;
    if (!holds) ++missed_;
    entry[bound->is_minimum ? "at_least" : "at_most"] = bound->limit;
    entry["holds"] = holds;
    verdict = std::string(bound->is_minimum ? "  >= " : "  <= ") + shown(bound->limit) + (holds ? "" : "  MISSED");
  }
  section_["figures"].push_back(std::move(entry));
  const std::string range =
      samples.size() == 1 ? "" : "(" + shown(samples.minimum()) + " to " + shown(samples.maximum()) + ")";
  std::printf("  %-46.*s %12s %-14.*s %s%s\n", static_cast<int>(name.size()), name.data(), shown(median).c_str(),
              static_cast<int>(unit.size()), unit.data(), range.c_str(), verdict.c_str());
  std::fflush(stdout);
}

void Report::note(std::string_view text) { std::printf("  %.*s\n", static_cast<int>(text.size()), text.data()); }

void Report::add_load(double other_cores) { loads_.add(other_cores); }

void Report::finish(const std::string& json_file) {
  if (loads_.size() != 0) {
    begin("load");
    figure("processors busy with other work", "", loads_);
    if (loads_.median() > 0.1) note("The machine was not quiet: times are those of a shared machine.");
  }
  if (!section_.is_null()) root_["sections"].push_back(std::move(section_));
  root_["bounds_missed"] = missed_;
  if (missed_ != 0) std::printf("\n%d bounds were missed\n", missed_);
  if (json_file.empty()) return;
  if (json_file == "-") {
    std::printf("%s\n", root_.dump(2).c_str());
    return;
  }
  std::ofstream file(json_file);
  file << root_.dump(2) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + json_file);
}

}  // namespace sake::bench
