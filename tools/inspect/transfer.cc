// dump and load.

#include <coroutine>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include "collection.h"
#include "commands.h"
#include "output.h"
#include "record.h"

namespace sake::inspect {
namespace {

/// Lines that are on their way to Redis together.
constexpr std::size_t window_lines = 500;
constexpr std::size_t window_bytes = 4u << 20;
constexpr std::size_t complaints_shown = 20;

void print_line(const Entity& entity, std::uint64_t guild_id) {
  JsonLine line;
  add_names(line, entity, guild_id);
  line.add_json("data", entity.json);
  line.print();
}

struct Line {
  std::uint64_t number = 0;
  EntityKey key{};
  std::string data;
};

/// Empty, with a reason, when the line is none of ours.
std::optional<Line> parse_line(std::uint64_t number, std::string_view text, std::string& why) {
  const auto record = Record::parse(text);
  const auto data = record ? data_of(text) : std::nullopt;
  if (!data) {
    why = "it is no JSON object with an object \"data\"";
    return std::nullopt;
  }
  const auto resource = resource_from_name(record->text("resource"));
  if (!resource) {
    why = "there is no resource \"" + printable(record->text("resource")) + "\"";
    return std::nullopt;
  }
  auto guild = record->id("guild_id");
  if (!guild) guild = record->id("data.guild_id");
  const bool is_own_user = *resource == Resource::user && record->text("code") == "ME";
  return Line{number, is_own_user ? EntityKey::me() : EntityKey{*resource, 0, guild.value_or(0)}, std::string(*data)};
}

class Load {
 public:
  explicit Load(Session& session) : session_(session) {}

  /// Stores the lines together. co_await it.
  class Stored {
   public:
    Stored(Load& load, std::vector<Line>& lines) : load_(load), lines_(lines) {}
    bool await_ready() const noexcept { return lines_.empty(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
      missing_ = lines_.size() + 1;  // One of them is this call, during which nothing is resumed.
      for (Line& line : lines_)
        load_.session_.cache()
            .set(std::move(line.key), std::move(line.data))
            .then([this, waiting, number = line.number](const Status& status) {
              load_.on_stored(number, status);
              if (--missing_ == 0) waiting.resume();
            });
      return --missing_ != 0;
    }
    void await_resume() noexcept { lines_.clear(); }

   private:
    Load& load_;
    std::vector<Line>& lines_;
    std::size_t missing_ = 0;
  };
  Stored store(std::vector<Line>& lines) { return {*this, lines}; }

  void refuse(std::uint64_t number, const std::string& why) {
    if (++refused_ <= complaints_shown) unable("line " + std::to_string(number) + ": " + why);
  }
  std::uint64_t stored() const { return stored_; }
  std::uint64_t refused() const { return refused_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  void on_stored(std::uint64_t number, const Status& status) {
    if (status) {
      ++stored_;
    } else if (status.error().code == Errc::backend_error || status.error().code == Errc::closed_client) {
      failure_ = status.error();
    } else {
      refuse(number, describe(status.error()));
    }
  }

  Session& session_;
  std::uint64_t stored_ = 0;
  std::uint64_t refused_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

Detached dump(Session& session, const Arguments& arguments) {
  const std::uint64_t id = arguments.guild_id;
  Result<Guild> guild = co_await session.cache().get_guild(id);
  if (!guild) {
    session.fail(guild.error());
    co_return;
  }
  for (const Scope& scope : scopes_of_guild(id, session.cache().options())) {
    EntityIterator entities = session.cache().iterate(scope);
    const Status status = co_await entities.for_each([&](Entity& entity) {
      print_line(entity, id);
      return is_read() && !session.is_ending();
    });
    if (!status) {
      session.fail(status.error());
      co_return;
    }
  }
  print_line(guild->entity(), id);
  session.end(exit_done);
}

Detached load(Session& session, const Arguments& arguments) {
  std::ifstream file;
  if (arguments.file != "-") {
    file.open(arguments.file);
    if (!file) {
      unable("cannot read " + arguments.file);
      session.end(exit_unable);
      co_return;
    }
  }
  std::istream& input = arguments.file == "-" ? std::cin : file;
  Load load(session);
  std::vector<Line> lines;
  std::size_t bytes = 0;
  std::uint64_t number = 0;
  for (std::string text; !load.failure() && !session.is_ending() && std::getline(input, text);) {
    ++number;
    if (text.find_first_not_of(" \t\r") == text.npos) continue;
    std::string why;
    auto line = parse_line(number, text, why);
    if (!line) {
      load.refuse(number, why);
      continue;
    }
    bytes += line->data.size();
    lines.push_back(std::move(*line));
    if (lines.size() < window_lines && bytes < window_bytes) continue;
    co_await load.store(lines);
    bytes = 0;
  }
  co_await load.store(lines);
  if (load.failure()) {
    session.fail(*load.failure());
    co_return;
  }
  if (arguments.is_json) {
    JsonLine line;
    line.add("stored", load.stored());
    line.add("refused", load.refused());
    line.print();
  } else {
    std::printf("stored %llu, refused %llu\n", static_cast<unsigned long long>(load.stored()),
                static_cast<unsigned long long>(load.refused()));
  }
  session.end(load.refused() != 0 ? exit_found : exit_done);
}

}  // namespace sake::inspect
