#pragma once

// Arguments: what the command line asks for, checked as far as that is possible without a server.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sake/entity.h"
#include "sake/options.h"

namespace sake::inspect {

enum class Command { get, iter, len, permissions, stats, verify, dump, load, watch };

struct Arguments {
  Command command = Command::get;
  Options options;
  bool is_json = false;

  EntityKey key{};                           ///< get
  Scope scope{};                             ///< iter, len
  std::optional<std::uint64_t> limit;        ///< iter: entities. watch: changes.
  std::vector<std::string> fields;           ///< iter, get
  std::uint64_t guild_id = 0;                ///< permissions, dump, watch
  std::uint64_t user_id = 0;                 ///< permissions
  std::optional<std::uint64_t> channel_id;   ///< permissions
  std::string file = "-";                    ///< load
  std::uint64_t sample = 10'000;             ///< stats: keys looked at in each database.
  bool repairs = false;                      ///< verify
  bool deletes_foreign = false;              ///< verify
  std::chrono::milliseconds interval{1000};  ///< watch
};

/// The arguments, or the exit code when there is nothing to do (--help) or the command line is wrong; then what is
/// wrong was printed.
std::variant<Arguments, int> parse_arguments(int argc, char** argv);

}  // namespace sake::inspect
