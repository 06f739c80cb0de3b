// docs/events.md says what the table of events says, row by row.

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "resources/table.h"

namespace sake::resources {
namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto first = cell.find_first_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return cells;
}

/// The documented rows: event name to its cells.
std::map<std::string, std::vector<std::string>> documented() {
  const char* root = std::getenv("SAKE_SOURCE_ROOT");
  REQUIRE_MESSAGE(root != nullptr, "SAKE_SOURCE_ROOT names the source tree");
  std::ifstream file(std::string(root) + "/docs/events.md");
  REQUIRE(file.good());
  std::map<std::string, std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.size() < 3 || line[0] != '|' || line[2] < 'A' || line[2] > 'Z') continue;
    auto cells = cells_of(line);
    CAPTURE(line);
    CHECK_MESSAGE(rows.emplace(cells[0], cells).second, "the event has two rows");
  }
  return rows;
}

std::string lane_of(const Row& row) {
  if (row.changes_nothing()) return "nothing";
  switch (row.lane) {
    case LaneOf::none:
      return "none";
    case LaneOf::id:
      return "guild (`id`)";
    case LaneOf::guild:
      return "guild, else channel";
    case LaneOf::channel:
      return "guild, else channel (`id`)";
  }
  return "";
}

TEST_CASE("docs/events.md has a row for every event, and its lanes are those of the table") {
  const auto rows = documented();
  CHECK(rows.size() == table().size());
  for (const Row& row : table()) {
    CAPTURE(row.event);
    const auto found = rows.find(std::string(row.event));
    REQUIRE(found != rows.end());
    REQUIRE(found->second.size() >= 7);
    CHECK(found->second[2] == lane_of(row));
    // What changes nothing has nothing to tell; what changes something tells it.
    bool told = false;
    for (std::size_t i = 3; i < 7; ++i) told = told || !found->second[i].empty();
    CHECK(told == !row.changes_nothing());
  }
}

}  // namespace
}  // namespace sake::resources
