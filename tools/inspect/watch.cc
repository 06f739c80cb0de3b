// watch: looks at all of a guild again and again. What is remembered of an entity is its name and a hash of its text.

#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "collection.h"
#include "commands.h"
#include "output.h"

namespace sake::inspect {
namespace {

class Watch {
 public:
  explicit Watch(const Arguments& arguments) : arguments_(arguments) {}

  void begin_look() { ++look_; }
  void see(const Entity& entity) {
    const auto [place, is_new] =
        seen_.try_emplace(Name(entity.resource, entity.code.empty() ? std::to_string(entity.id) : entity.code));
    const std::size_t hash = std::hash<std::string>()(entity.json);
    const bool is_changed = !is_new && place->second.hash != hash;
    place->second = {hash, look_};
    if (look_ == 1 || !(is_new || is_changed)) return;
    tell(is_new ? "added" : "changed", place->first, &entity.json);
  }
  /// What was not seen is gone.
  void end_look() {
    for (auto each = seen_.begin(); each != seen_.end();) {
      if (each->second.look == look_) {
        ++each;
        continue;
      }
      tell("removed", each->first, nullptr);
      each = seen_.erase(each);
    }
    std::fflush(stdout);
    if (look_ == 1)
      std::fprintf(stderr, "sake-inspect: watching %zu entities of guild %llu\n", seen_.size(),
                   static_cast<unsigned long long>(arguments_.guild_id));
  }
  bool is_done() const { return told_ >= arguments_.limit.value_or(UINT64_MAX) || !is_read(); }

 private:
  using Name = std::pair<Resource, std::string>;
  struct Seen {
    std::size_t hash = 0;
    std::uint64_t look = 0;
  };

  void tell(const char* change, const Name& entity, const std::string* json) {
    if (is_done()) return;
    ++told_;
    if (!arguments_.is_json) {
      std::printf("%-8s %-20s %s\n", change, std::string(name(entity.first)).c_str(), printable(entity.second).c_str());
      return;
    }
    JsonLine line;
    line.add("change", change);
    line.add("resource", name(entity.first));
    line.add(entity.first == Resource::invite ? "code" : "id", entity.second);
    line.add("guild_id", std::to_string(arguments_.guild_id));
    if (json != nullptr) line.add_json("data", *json);
    line.print();
  }

  const Arguments& arguments_;
  std::map<Name, Seen> seen_;
  std::uint64_t look_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace

Detached watch(Session& session, const Arguments& arguments) {
  const std::uint64_t id = arguments.guild_id;
  Watch watch(arguments);
  while (!session.is_ending()) {
    watch.begin_look();
    Status status;
    for (const Scope& scope : scopes_of_guild(id, session.cache().options())) {
      EntityIterator entities = session.cache().iterate(scope);
      status = co_await entities.for_each([&](Entity& entity) {
        watch.see(entity);
        return true;
      });
      if (!status) break;
    }
    if (status && session.cache().options().resources.contains(Resource::guild)) {
      const Result<Guild> guild = co_await session.cache().get_guild(id);
      if (guild) {
        watch.see(guild->entity());
      } else if (guild.error().code != Errc::entry_not_found) {
        status = guild.error();
      }
    }
    if (!status) {
      session.fail(status.error());
      co_return;
    }
    watch.end_look();
    if (watch.is_done()) break;
    co_await session.pause(arguments.interval);
  }
  session.end(exit_done);
}

}  // namespace sake::inspect
