#pragma once

// Report: what a subcommand has found, as lines for people while it runs and as one JSON object at the end.

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "samples.h"

namespace sake::bench {

/// What a figure is held to: its median must not be above (or below) it.
struct Bound {
  double limit;
  bool is_minimum = false;
};
inline Bound at_most(double limit) { return {limit}; }
inline Bound at_least(double limit) { return {limit, true}; }

class Report {
 public:
  enum class Bounds : bool { are_held, are_left_out };

  /// Prints machine, versions and present load.
  Report(std::string_view subcommand, Bounds bounds);

  /// What the next figures are about: "steady log".
  void begin(std::string_view section);

  /// A setting or a count that is no measurement.
  void fact(std::string_view name, const nlohmann::ordered_json& value);

  /// One value of each run. With a bound the median is held to it.
  void figure(std::string_view name, std::string_view unit, const Samples& samples, std::optional<Bound> bound = {});

  /// One line of explanation, in the output for people alone.
  void note(std::string_view text);

  /// How busy others kept the machine during a run that was measured.
  void add_load(double other_cores);

  /// How many bounds were missed.
  int missed() const { return missed_; }

  /// Prints the load, and writes the JSON unless `json_file` is empty; "-" is standard output. Throws
  /// std::runtime_error when it cannot be written.
  void finish(const std::string& json_file);

 private:
  const Bounds bounds_;
  nlohmann::ordered_json root_;
  nlohmann::ordered_json section_;
  Samples loads_;
  int missed_ = 0;
};

}  // namespace sake::bench
