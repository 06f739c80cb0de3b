// verify: walks over all databases window by window. What is held is a window, and the names of what was found.

#include "verify.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "checks.h"
#include "collection.h"
#include "common/format.h"
#include "common/redis_client.h"
#include "output.h"
#include "repair.h"
#include "session.h"

namespace sake::inspect {
namespace {

using tools::RedisCommand;
using tools::RedisReply;

constexpr std::chrono::seconds patience(30);

/// So long a bot may be between two commands that belong together.
constexpr std::chrono::milliseconds second_look_after(200);

constexpr std::size_t suspects_max = 1000;

/// A repair may uncover something, as a value that goes leaves its references behind; more than a few times it cannot.
constexpr int rounds_max = 5;

std::size_t window_of(Resource resource) {
  return resource == Resource::guild || resource == Resource::message ? 200 : 1000;
}

class Verify {
 public:
  explicit Verify(const Arguments& arguments)
      : arguments_(arguments),
        layout_(arguments.options),
        redis_(arguments.options.address, arguments.options.password, patience),
        checks_(redis_, layout_),
        repair_(redis_, layout_, arguments.deletes_foreign) {}

  int run() {
    look();
    for (int round = 1; arguments_.repairs && repaired_ != 0 && round != rounds_max; ++round) {
      repaired_ = 0;
      remaining_ = 0;
      look();
    }
    print_totals();
    return remaining_ != 0 ? exit_found : exit_done;
  }

 private:
  using Identity = std::tuple<Kind, int, std::string, std::string>;
  /// Owns what it needs.
  using Look = std::function<std::vector<Finding>(const std::vector<std::string>&)>;
  struct Suspects {
    std::vector<Finding> found;
    Look look;
  };

  /// References first: what is missing among them is then added from the records.
  void look() {
    seen_.clear();
    looked_at_ = 0;
    look_at_references();
    look_again();
    for (const Resource resource : all_resources()) {
      if (!layout_.uses(resource)) continue;
      look_at(resource);
      look_again();
    }
  }

  /// The names that a SCAN command finds, window by window; `stride` 2 where values or scores stand between them.
  void walk(int database, RedisCommand command, std::size_t cursor_at, std::size_t stride,
            const std::function<void(std::vector<std::string>)>& take) {
    do {
      const RedisReply window = redis_.ask(database, command);
      if (window.is_error() && window.text.starts_with("WRONGTYPE")) return;  // Since it was looked at.
      if (window.elements.size() != 2) throw tools::RedisFailure(command.front() + ": " + window.text);
      command[cursor_at] = window.elements[0].text;
      std::vector<std::string> names;
      for (std::size_t n = 0; n < window.elements[1].elements.size(); n += stride)
        names.push_back(window.elements[1].elements[n].text);
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      if (!names.empty()) take(std::move(names));
    } while (command[cursor_at] != "0");
  }

  void look_at(Resource resource) {
    const int database = layout_.database_of(resource);
    const RedisCommand scan{"SCAN", "0", "COUNT", std::to_string(window_of(resource))};
    walk(database, scan, 1, 1, [&](const std::vector<std::string>& keys) {
      looked_at_ += keys.size();
      check(keys, [this, resource](const auto& names) { return checks_.keys(resource, names); });
      if (!is_hash(resource)) return;
      for (const std::string& key : keys)
        if (parse_id(key))
          walk(database, {"HSCAN", key, "0", "COUNT", "1000"}, 2, 2, [&](const std::vector<std::string>& fields) {
            looked_at_ += fields.size();
            check(fields, [this, resource, key](const auto& names) { return checks_.fields(resource, key, names); });
          });
    });
  }

  void look_at_references() {
    walk(reference_index, {"SCAN", "0", "COUNT", "1000"}, 1, 1, [&](const std::vector<std::string>& keys) {
      check(keys, [this](const auto& names) { return checks_.reference_keys(names); });
      for (const std::string& key : keys)
        if (const auto reference = parse_reference(key); reference && layout_.uses(*reference)) look_at(*reference);
    });
  }

  void look_at(const Reference& reference) {
    const std::string key = reference.key();
    std::uint64_t guild_id = 0;
    if (reference.is_voice()) {
      if (redis_.ask(reference_index, RedisCommand{"TYPE", key}).text != "set") return;
      guild_id = checks_.guild_of_voice(reference);
      check({key}, [this, reference](const auto&) { return checks_.markers(reference); });
      if (guild_id == 0) return;
    }
    const RedisCommand scan{reference.is_sorted() ? "ZSCAN" : "SSCAN", key, "0", "COUNT", "1000"};
    walk(reference_index, scan, 2, reference.is_sorted() ? 2 : 1, [&](const std::vector<std::string>& members) {
      looked_at_ += members.size();
      check(members,
            [this, reference, guild_id](const auto& names) { return checks_.members(reference, names, guild_id); });
    });
  }

  /// Only what is wrong at two looks is. The second one is put off, so that many wait together.
  void check(const std::vector<std::string>& names, Look look) {
    std::vector<Finding> found = look(names);
    if (found.empty()) return;
    suspected_ += found.size();
    suspects_.push_back({std::move(found), std::move(look)});
    if (suspected_ >= suspects_max) look_again();
  }

  void look_again() {
    if (suspects_.empty()) return;
    std::this_thread::sleep_for(second_look_after);
    for (const Suspects& each : suspects_) {
      std::set<std::string> subjects;
      for (const Finding& finding : each.found) subjects.insert(finding.subject);
      for (const Finding& finding : each.look({subjects.begin(), subjects.end()})) {
        const bool was_there = std::any_of(each.found.begin(), each.found.end(), [&](const Finding& before) {
          return before.identity() == finding.identity();
        });
        if (was_there && seen_.insert(Identity(finding.identity())).second) on_found(finding);
      }
    }
    suspects_.clear();
    suspected_ = 0;
  }

  void on_found(const Finding& finding) {
    std::string repair;
    if (arguments_.repairs) repair = repair_.mend(finding);
    if (repair.empty()) {
      ++remaining_;
    } else {
      ++repaired_;
      ++repaired_in_all_;
    }
    // What could not be mended is found again in each round.
    if (!repair.empty() || told_.insert(Identity(finding.identity())).second) print(finding, repair);
  }

  void print(const Finding& finding, const std::string& repair) {
    ++found_;
    ++totals_[static_cast<std::size_t>(finding.kind)];
    if (arguments_.is_json) {
      JsonLine line;
      line.add("finding", name(finding.kind));
      line.add("database", static_cast<std::uint64_t>(finding.database));
      line.add("key", finding.key);
      if (!finding.member.empty()) line.add("member", finding.member);
      if (finding.resource) line.add("resource", sake::name(*finding.resource));
      line.add("text", finding.text);
      if (!repair.empty()) line.add("repair", repair);
      line.print();
      return;
    }
    const std::string place = printable(finding.member.empty() ? finding.key : finding.key + " " + finding.member);
    std::printf("%-18s  %2d  %-40s  %s\n", std::string(name(finding.kind)).c_str(), finding.database, place.c_str(),
                printable(finding.text).c_str());
    if (!repair.empty()) std::printf("%-18s      %s\n", "  repaired by", printable(repair).c_str());
  }

  void print_totals() {
    if (arguments_.is_json) {
      JsonLine line;
      line.add("found", found_);
      line.add("repaired", repaired_in_all_);
      line.add("remaining", remaining_);
      line.add("looked_at", looked_at_);
      line.open("totals");
      for (std::size_t n = 0; n != kind_count; ++n)
        if (totals_[n] != 0) line.add(name(static_cast<Kind>(n)), totals_[n]);
      line.close();
      line.print();
      return;
    }
    if (found_ != 0) std::printf("\n");
    for (std::size_t n = 0; n != kind_count; ++n)
      if (totals_[n] != 0)
        std::printf("%-18s  %s\n", std::string(name(static_cast<Kind>(n))).c_str(),
                    tools::format_count(totals_[n]).c_str());
    std::printf("found %s, repaired %s, remaining %s; looked at %s entries\n", tools::format_count(found_).c_str(),
                tools::format_count(repaired_in_all_).c_str(), tools::format_count(remaining_).c_str(),
                tools::format_count(looked_at_).c_str());
  }

  const Arguments& arguments_;
  const Layout layout_;
  tools::RedisClient redis_;
  Checks checks_;
  Repair repair_;
  std::vector<Suspects> suspects_;
  std::size_t suspected_ = 0;
  std::set<Identity> seen_;  ///< In this round: SCAN may name a key twice.
  std::set<Identity> told_;
  std::array<std::uint64_t, kind_count> totals_{};
  std::uint64_t looked_at_ = 0;
  std::uint64_t found_ = 0;
  std::uint64_t repaired_ = 0;  ///< In this round.
  std::uint64_t repaired_in_all_ = 0;
  std::uint64_t remaining_ = 0;  ///< In the last round.
};

}  // namespace

int verify(const Arguments& arguments) { return Verify(arguments).run(); }

}  // namespace sake::inspect
