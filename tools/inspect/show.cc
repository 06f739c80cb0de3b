// get, iter and len.

#include <cstdio>
#include <utility>

#include "commands.h"
#include "model_rows.h"
#include "output.h"
#include "record.h"

namespace sake::inspect {
namespace {

/// What is worth showing of an entity where nothing else is asked for.
std::vector<std::string> usual_fields(Resource resource) {
  switch (resource) {
    case Resource::guild:
      return {"name", "member_count", "unavailable"};
    case Resource::channel:
      return {"name", "type", "guild_id", "parent_id"};
    case Resource::thread:
      return {"name", "guild_id", "parent_id"};
    case Resource::invite:
      return {"guild_id", "channel_id", "inviter.username", "uses", "expires_at"};
    case Resource::member:
      return {"user.username", "nick", "joined_at"};
    case Resource::presence:
      return {"status"};
    case Resource::user:
      return {"username", "global_name", "bot"};
    case Resource::voice_state:
      return {"channel_id", "self_mute", "self_deaf"};
    case Resource::message:
      return {"channel_id", "author.username", "timestamp", "content"};
    case Resource::stage_instance:
      return {"topic", "guild_id", "channel_id"};
    default:
      return {"name", "guild_id"};
  }
}

std::string id_of(const Entity& entity) { return entity.code.empty() ? std::to_string(entity.id) : entity.code; }

void print_json(const Entity& entity, const std::vector<std::string>& fields, std::uint64_t guild_id) {
  JsonLine line;
  add_names(line, entity, guild_id);
  const auto record = fields.empty() ? std::nullopt : Record::parse(entity.json);
  line.add_json("data", record ? record->only(fields) : entity.json);
  line.print();
}

void print_text(const Entity& entity, const std::vector<std::string>& fields) {
  Table table({{"field"}, {"value"}});
  if (fields.empty()) {
    for (const auto& [field, value] : model_rows(entity)) table.add({printable(field), printable(value)});
  } else if (const auto record = Record::parse(entity.json)) {
    for (const std::string& field : fields) table.add({printable(field), printable(record->text(field))});
  }
}

/// The rows of a walk.
class Rows {
 public:
  Rows(const Arguments& arguments)
      : fields_(arguments.fields.empty() ? usual_fields(arguments.scope.resource) : arguments.fields),
        table_(columns(arguments.scope, fields_)),
        has_guild_(has_guild(arguments.scope)) {}

  void add(const Entity& entity) {
    const auto record = Record::parse(entity.json);
    std::vector<std::string> cells{printable(id_of(entity))};
    if (has_guild_) cells.push_back(std::to_string(entity.guild_id));
    for (const std::string& field : fields_) cells.push_back(record ? printable(record->text(field)) : "");
    table_.add(std::move(cells));
  }

 private:
  /// Members of several guilds are told apart by their guild.
  static bool has_guild(const Scope& scope) {
    const bool is_of_guilds = scope.resource == Resource::member || scope.resource == Resource::presence ||
                              scope.resource == Resource::voice_state;
    return is_of_guilds && scope.of != Scope::Of::guild;
  }
  static std::vector<Table::Column> columns(const Scope& scope, const std::vector<std::string>& fields) {
    std::vector<Table::Column> columns{{scope.resource == Resource::invite ? "code" : "id"}};
    if (has_guild(scope)) columns.push_back({"guild"});
    for (const std::string& field : fields) columns.push_back({field});
    return columns;
  }

  std::vector<std::string> fields_;
  Table table_;
  bool has_guild_;
};

}  // namespace

Detached get(Session& session, const Arguments& arguments) {
  Request<Entity> request = session.cache().get(arguments.key);
  Result<Entity> entity = co_await std::move(request);
  if (!entity) {
    session.fail(entity.error());
    co_return;
  }
  if (arguments.is_json) {
    print_json(*entity, arguments.fields, 0);
  } else {
    print_text(*entity, arguments.fields);
  }
  session.end(exit_done);
}

Detached iterate(Session& session, const Arguments& arguments) {
  const std::uint64_t limit = arguments.limit.value_or(UINT64_MAX);
  std::uint64_t shown = 0;
  Status status;
  if (limit != 0) {
    Rows rows(arguments);
    const std::uint64_t guild_id = arguments.scope.of == Scope::Of::guild ? arguments.scope.id : 0;
    const auto window = static_cast<std::size_t>(std::min<std::uint64_t>(limit, default_window_size));
    EntityIterator entities = session.cache().iterate(arguments.scope, window);
    status = co_await entities.for_each([&](Entity& entity) {
      if (arguments.is_json) {
        print_json(entity, arguments.fields, guild_id);
      } else {
        rows.add(entity);
      }
      return ++shown < limit && is_read() && !session.is_ending();
    });
  }
  if (!status) {
    session.fail(status.error());
  } else {
    session.end(exit_done);
  }
}

Detached count(Session& session, const Arguments& arguments) {
  EntityIterator entities = session.cache().iterate(arguments.scope);
  const Result<std::size_t> length = co_await entities.len();
  if (!length) {
    session.fail(length.error());
    co_return;
  }
  if (arguments.is_json) {
    JsonLine line;
    line.add("resource", name(arguments.scope.resource));
    line.add("count", static_cast<std::uint64_t>(*length));
    line.print();
  } else {
    std::printf("%zu\n", *length);
  }
  session.end(exit_done);
}

}  // namespace sake::inspect
