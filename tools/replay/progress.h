#pragma once

// Progress: how far a replay has come, on standard error. On a terminal a bar that is drawn again and again, elsewhere
// a line every few seconds.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sake::replay {

class Progress {
 public:
  explicit Progress(bool is_quiet);

  struct Position {
    std::uint64_t bytes = 0;  ///< Read of the logs, as stored.
    std::uint64_t frames = 0;
    bool is_connected = true;  ///< To Redis.
  };
  /// What there is to do; empty where it is not known.
  struct Goal {
    std::optional<std::uint64_t> bytes = std::nullopt;
    std::optional<std::uint64_t> frames = std::nullopt;
  };
  void start(Goal goal);

  /// How often update() is worth calling.
  std::chrono::milliseconds interval() const;
  void update(const Position& position);

  /// Removes the bar.
  void stop();

  /// A line for the user, also when quiet; the bar makes room for it.
  void say(std::string_view text);

 private:
  void clear();

  const bool is_quiet_;
  const bool is_terminal_;
  bool is_drawn_ = false;
  Goal goal_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point updated_;
  std::uint64_t updated_frames_ = 0;
  double frames_per_second_ = 0;
};

}  // namespace sake::replay
