#include "support/model.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>

namespace sake::test {
namespace {

using nlohmann::json;

constexpr int emojis = 0;
constexpr int guilds = 1;
constexpr int channels = 2;
constexpr int invites = 3;
constexpr int members = 4;
constexpr int presences = 5;
constexpr int roles = 6;
constexpr int users = 7;
constexpr int voice_states = 8;
constexpr int references = 9;
constexpr int messages = 10;
constexpr int threads = 11;
constexpr int stickers = 12;
constexpr int stages = 13;
constexpr int scheduled_events = 14;
constexpr int sounds = 15;
constexpr int integrations = 16;
constexpr int rules = 17;

const std::string me = "ME";

/// An id as text, whether it was sent as text or as a number; empty where there is none.
std::string id_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_unsigned() ? std::to_string(value.get<std::uint64_t>()) : std::string();
}

/// A member of an object; null where there is none.
const json& at(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string id_at(const json& object, const char* key) { return id_of(at(object, key)); }

json without(json object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) object.erase(key);
  return object;
}

bool is_thread(const json& channel) {
  const json& type = at(channel, "type");
  return type == 10 || type == 11 || type == 12;
}

bool is_direct(const json& channel) { return at(channel, "type") == 1 || at(channel, "type") == 3; }

std::string reference(int owner, const std::string& id, int listed) {
  return std::to_string(owner) + ":" + id + ":" + std::to_string(listed);
}

bool is_hash(int database) { return database == members || database == presences || database == voice_states; }

/// Sorted sets are those whose entries expire.
bool is_sorted(const std::string& key) { return key.ends_with(":3") || key.ends_with(":10"); }

}  // namespace

// ---------------------------------------------------------------------------------------------------- Records

const json* Model::get(int database, const std::string& key, const std::string& field) const {
  const auto in = records_.find(database);
  if (in == records_.end()) return nullptr;
  const auto record = in->second.find(key);
  if (record == in->second.end()) return nullptr;
  const auto value = record->second.find(field);
  return value == record->second.end() ? nullptr : &value->second;
}

void Model::put(int database, const std::string& key, const std::string& field, json value) {
  if (get(database, key, field) != nullptr) refer(database, key, field, false);
  records_[database][key][field] = std::move(value);
  refer(database, key, field, true);
  touched_[{database, key}] = event_;
}

void Model::erase(int database, const std::string& key, const std::string& field) {
  touched_[{database, key}] = event_;
  if (get(database, key, field) == nullptr) return;
  refer(database, key, field, false);
  records_[database][key].erase(field);
  if (records_[database][key].empty()) records_[database].erase(key);
}

/// What lists a record follows from the record: references are never written by themselves.
void Model::refer(int database, const std::string& key, const std::string& field, bool add) {
  const json& value = *get(database, key, field);
  const auto list = [&](int owner, const std::string& id, const std::string& entry) {
    if (id.empty()) return;
    const std::string name = reference(owner, id, database);
    touched_[{references, name}] = event_;
    if (add) {
      references_[name].insert(entry);
    } else if (references_[name].erase(entry), references_[name].empty()) {
      references_.erase(name);
    }
  };
  switch (database) {
    case guilds:
    case users:
      return;
    case members:
    case presences:
      return list(users, field, key);
    case voice_states:
      guild_of_voice_channel_[id_at(value, "channel_id")] = key;
      return list(channels, id_at(value, "channel_id"), field);
    case messages:
      list(channels, id_at(value, "channel_id"), key);
      list(users, id_at(at(value, "author"), "id"), key);
      return list(guilds, id_at(value, "guild_id"), key);
    case invites:
      list(channels, id_at(value, "channel_id"), key);
      return list(guilds, id_at(value, "guild_id"), key);
    case threads:
      list(channels, id_at(value, "parent_id"), key);
      return list(guilds, id_at(value, "guild_id"), key);
    default:
      return list(guilds, id_at(value, "guild_id"), key);
  }
}

std::vector<std::string> Model::listed(const std::string& reference) const {
  const auto found = references_.find(reference);
  if (found == references_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<std::string> Model::fields_of(int database, const std::string& key) const {
  std::vector<std::string> fields;
  const auto in = records_.find(database);
  if (in == records_.end() || !in->second.contains(key)) return fields;
  for (const auto& [field, value] : in->second.at(key)) fields.push_back(field);
  return fields;
}

json Model::redis() const {
  json result = json::object();
  for (const auto& [database, keys] : records_) {
    for (const auto& [key, fields] : keys) {
      json& entry = result[std::to_string(database)][key];
      entry = {{"type", is_hash(database) ? "hash" : "string"}};
      entry["value"] = is_hash(database) ? json(fields) : fields.at("");
    }
  }
  for (const auto& [key, entries] : references_) {
    json list = json::array();
    for (const std::string& entry : entries) {
      if (is_sorted(key)) {
        list.push_back({entry, std::numeric_limits<double>::infinity()});
      } else {
        list.push_back(entry);
      }
    }
    if (key.ends_with(":8")) list.push_back("KEY." + guild_of_voice_channel_.at(key.substr(2, key.size() - 4)));
    result[std::to_string(references)][key] = {{"type", is_sorted(key) ? "zset" : "set"}, {"value", list}};
  }
  return result;
}

std::string Model::touched_by(int database, const std::string& key) const {
  const auto found = touched_.find({database, key});
  return found == touched_.end() ? std::string() : found->second;
}

// ---------------------------------------------------------------------------------------------------- Frames

void Model::apply_frame(const json& frame) {
  if (at(frame, "op") != 0) return;
  const std::string event = at(frame, "t");
  const json& shard = at(frame, "shard");
  std::uint64_t& mark = marks_[shard.is_array() ? shard.at(0).get<int>() : 0];
  if (at(frame, "s").is_number()) {
    const std::uint64_t sequence = at(frame, "s");
    if (event != "READY" && sequence <= mark) return;
    mark = sequence;
  }
  apply(event, at(frame, "d"));
}

void Model::apply(const std::string& event, const json& data) {
  const auto handler = handlers().find(event);
  if (handler == handlers().end()) {
    ++applied_[event];
    return;
  }
  const bool about_guild = event == "GUILD_CREATE" || event == "GUILD_UPDATE" || event == "GUILD_DELETE";
  const std::string guild = id_at(data, about_guild ? "id" : "guild_id");
  if (event == "GUILD_CREATE") left_guilds_.erase(guild);
  if (left_guilds_.contains(guild)) return;
  event_ = event;
  ++applied_[event];
  (this->*handler->second)(data);
}

const std::map<std::string, Model::Handler>& Model::handlers() {
  using M = Model;
  static const std::map<std::string, Handler> table{
      {"READY", &M::ready},
      {"USER_UPDATE", &M::user_update},
      {"GUILD_CREATE", &M::guild_create},
      {"GUILD_UPDATE", &M::guild_update},
      {"GUILD_DELETE", &M::guild_delete},
      {"GUILD_BAN_ADD", &M::ban},
      {"GUILD_BAN_REMOVE", &M::ban},
      {"GUILD_MEMBER_ADD", &M::member_add},
      {"GUILD_MEMBER_UPDATE", &M::member_update},
      {"GUILD_MEMBER_REMOVE", &M::member_remove},
      {"GUILD_MEMBERS_CHUNK", &M::members_chunk},
      {"GUILD_ROLE_CREATE", &M::role_upsert},
      {"GUILD_ROLE_UPDATE", &M::role_upsert},
      {"GUILD_ROLE_DELETE", &M::role_delete},
      {"GUILD_EMOJIS_UPDATE", &M::emojis_update},
      {"GUILD_STICKERS_UPDATE", &M::stickers_update},
      {"GUILD_SOUNDBOARD_SOUND_CREATE", &M::sound_upsert},
      {"GUILD_SOUNDBOARD_SOUND_UPDATE", &M::sound_upsert},
      {"GUILD_SOUNDBOARD_SOUND_DELETE", &M::sound_delete},
      {"GUILD_SOUNDBOARD_SOUNDS_UPDATE", &M::sounds_update},
      {"SOUNDBOARD_SOUNDS", &M::sounds_update},
      {"CHANNEL_CREATE", &M::channel_upsert},
      {"CHANNEL_UPDATE", &M::channel_upsert},
      {"CHANNEL_DELETE", &M::channel_delete},
      {"CHANNEL_PINS_UPDATE", &M::pins_update},
      {"CHANNEL_INFO", &M::channel_info},
      {"VOICE_CHANNEL_STATUS_UPDATE", &M::voice_status},
      {"VOICE_CHANNEL_START_TIME_UPDATE", &M::voice_start_time},
      {"THREAD_CREATE", &M::thread_upsert},
      {"THREAD_UPDATE", &M::thread_upsert},
      {"THREAD_DELETE", &M::thread_delete},
      {"THREAD_LIST_SYNC", &M::thread_list_sync},
      {"THREAD_MEMBER_UPDATE", &M::thread_member_update},
      {"THREAD_MEMBERS_UPDATE", &M::thread_members_update},
      {"MESSAGE_CREATE", &M::message_create},
      {"MESSAGE_UPDATE", &M::message_changed},
      {"MESSAGE_DELETE", &M::message_delete},
      {"MESSAGE_DELETE_BULK", &M::message_delete_bulk},
      {"MESSAGE_REACTION_ADD", &M::reaction_add},
      {"MESSAGE_REACTION_REMOVE", &M::reaction_remove},
      {"MESSAGE_REACTION_REMOVE_ALL", &M::reaction_remove_all},
      {"MESSAGE_REACTION_REMOVE_EMOJI", &M::reaction_remove_emoji},
      {"MESSAGE_POLL_VOTE_ADD", &M::vote_add},
      {"MESSAGE_POLL_VOTE_REMOVE", &M::vote_remove},
      {"PRESENCE_UPDATE", &M::presence_update},
      {"TYPING_START", &M::typing_start},
      {"VOICE_STATE_UPDATE", &M::voice_state_update},
      {"STAGE_INSTANCE_CREATE", &M::stage_upsert},
      {"STAGE_INSTANCE_UPDATE", &M::stage_upsert},
      {"STAGE_INSTANCE_DELETE", &M::stage_delete},
      {"GUILD_SCHEDULED_EVENT_CREATE", &M::scheduled_event_upsert},
      {"GUILD_SCHEDULED_EVENT_UPDATE", &M::scheduled_event_upsert},
      {"GUILD_SCHEDULED_EVENT_DELETE", &M::scheduled_event_delete},
      {"GUILD_SCHEDULED_EVENT_USER_ADD", &M::scheduled_event_user_add},
      {"GUILD_SCHEDULED_EVENT_USER_REMOVE", &M::scheduled_event_user_remove},
      {"INVITE_CREATE", &M::invite_create},
      {"INVITE_DELETE", &M::invite_delete},
      {"INTEGRATION_CREATE", &M::integration_upsert},
      {"INTEGRATION_UPDATE", &M::integration_upsert},
      {"INTEGRATION_DELETE", &M::integration_delete},
      {"AUTO_MODERATION_RULE_CREATE", &M::rule_upsert},
      {"AUTO_MODERATION_RULE_UPDATE", &M::rule_upsert},
      {"AUTO_MODERATION_RULE_DELETE", &M::rule_delete},
      {"INTERACTION_CREATE", &M::interaction_create},
  };
  return table;
}

// ---------------------------------------------------------------------------------------------------- Users

/// Replaces; nothing without a name. Mentions carry a member, which is not the user's.
void Model::user(const json& user) {
  if (!at(user, "username").is_string() || id_at(user, "id").empty()) return;
  put(users, id_at(user, "id"), without(user, {"member"}));
}

void Model::user_in(const json& object, const char* key) { user(at(object, key)); }

void Model::own_user(const json& own) {
  json record = get(users, me) == nullptr ? json::object() : *get(users, me);
  record.update(own);
  put(users, me, record);
  user(own);
}

void Model::ready(const json& data) {
  const json* own = get(users, me);
  const bool same_application = own == nullptr || id_at(*own, "id") == id_at(at(data, "user"), "id");
  own_user(at(data, "user"));
  std::set<std::string> announced;
  for (const json& guild : at(data, "guilds")) {
    announced.insert(id_at(guild, "id"));
    flag_unavailable(id_at(guild, "id"));
  }
  if (!options_.reconcile || !same_application) return;
  const json& shard = at(data, "shard");
  const std::uint64_t number = shard.is_array() ? shard.at(0).get<std::uint64_t>() : 0;
  const std::uint64_t count = shard.is_array() ? shard.at(1).get<std::uint64_t>() : 1;
  std::vector<std::string> gone;
  for (const auto& [guild, record] : records_[guilds]) {
    if ((std::stoull(guild) >> 22) % count == number && !announced.contains(guild)) gone.push_back(guild);
  }
  for (const std::string& guild : gone) drop_guild(guild);
}

void Model::user_update(const json& data) { own_user(data); }

// ---------------------------------------------------------------------------------------------------- Guilds

/// An object of a guild, with the id of the guild in it, and the users in it.
void Model::entity(int database, const std::string& guild, json object, const char* id) {
  user_in(object, "user");
  user_in(object, "creator");
  const std::string key = id_at(object, id);
  object["guild_id"] = guild;
  put(database, key, std::move(object));
}

void Model::replace_all(int database, const std::string& guild, const json& objects, const char* id) {
  std::set<std::string> kept;
  for (const json& object : objects) kept.insert(id_at(object, id));
  for (const std::string& key : listed(reference(guilds, guild, database))) {
    if (kept.contains(key)) continue;
    if (database == channels) {
      drop_channel(guild, key);
    } else if (database == threads) {
      drop_thread(key, false);
    } else {
      erase(database, key);
    }
  }
  for (const json& object : objects) {
    if (database == threads) {
      thread(guild, object, true);
    } else {
      entity(database, guild, object, id);
    }
  }
}

void Model::flag_unavailable(const std::string& guild) {
  if (!known(guild)) return;
  json record = *get(guilds, guild);
  record["unavailable"] = true;
  put(guilds, guild, std::move(record));
}

void Model::guild_create(const json& data) {
  const std::string guild = id_at(data, "id");
  if (at(data, "unavailable") == true) return flag_unavailable(guild);

  replace_all(roles, guild, at(data, "roles"));
  replace_all(emojis, guild, at(data, "emojis"));
  replace_all(channels, guild, at(data, "channels"));
  replace_all(threads, guild, at(data, "threads"));
  replace_all(stickers, guild, at(data, "stickers"));
  replace_all(stages, guild, at(data, "stage_instances"));
  replace_all(scheduled_events, guild, at(data, "guild_scheduled_events"));
  replace_all(sounds, guild, at(data, "soundboard_sounds"), "sound_id");

  // Who is in voice is shown as listed here, else as known so far, even where the list of members drops them.
  json voices = at(data, "voice_states");
  for (json& one : voices) {
    if (const json* stored = get(members, guild, id_at(one, "user_id"))) one["member"] = *stored;
    for (const json& listed : at(data, "members"))
      if (id_at(at(listed, "user"), "id") == id_at(one, "user_id")) one["member"] = listed;
  }

  std::set<std::string> distinct;
  for (const json& one : at(data, "members")) distinct.insert(id_at(at(one, "user"), "id"));
  using enum ModelOptions::Members;
  const bool complete = at(data, "member_count") == distinct.size();
  if (options_.guild_create_members == replace || (options_.guild_create_members == automatic && complete)) {
    for (const std::string& user : fields_of(members, guild)) {
      if (!distinct.contains(user)) erase(members, guild, user);
    }
  }
  for (const json& one : at(data, "members")) member(guild, one);

  for (const std::string& user : fields_of(presences, guild)) erase(presences, guild, user);
  for (const json& one : at(data, "presences")) presence(guild, one);
  for (const std::string& user : fields_of(voice_states, guild)) erase(voice_states, guild, user);
  for (const json& one : voices) voice_state(guild, one);

  json record = without(data, {"roles", "emojis", "channels", "threads", "members", "presences", "voice_states",
                               "stickers", "stage_instances", "guild_scheduled_events", "soundboard_sounds"});
  record["unavailable"] = false;
  put(guilds, guild, std::move(record));
}

void Model::guild_update(const json& data) {
  const std::string guild = id_at(data, "id");
  if (data.contains("roles")) replace_all(roles, guild, at(data, "roles"));
  if (data.contains("emojis")) replace_all(emojis, guild, at(data, "emojis"));
  if (data.contains("stickers")) replace_all(stickers, guild, at(data, "stickers"));
  json record = known(guild) ? *get(guilds, guild) : json::object();
  record.update(without(data, {"guild_id", "roles", "emojis", "stickers"}));
  put(guilds, guild, std::move(record));
}

void Model::guild_delete(const json& data) {
  const std::string guild = id_at(data, "id");
  if (at(data, "unavailable") == true) return flag_unavailable(guild);
  drop_guild(guild);
}

void Model::drop_guild(const std::string& guild) {
  for (const std::string& channel : listed(reference(guilds, guild, channels))) drop_channel(guild, channel);
  for (const std::string& thread : listed(reference(guilds, guild, threads))) drop_thread(thread, true);
  for (int database :
       {emojis, invites, roles, messages, stickers, stages, scheduled_events, sounds, integrations, rules})
    for (const std::string& key : listed(reference(guilds, guild, database))) erase(database, key);
  for (int database : {members, presences, voice_states})
    for (const std::string& user : fields_of(database, guild)) erase(database, guild, user);
  erase(guilds, guild);
  left_guilds_.insert(guild);
}

void Model::ban(const json& data) { user_in(data, "user"); }

// ---------------------------------------------------------------------------------------------------- Members

/// From a source that says everything.
void Model::member(const std::string& guild, json member) {
  const std::string id = id_at(at(member, "user"), "id");
  user_in(member, "user");
  gone_members_.erase({guild, id});
  member["guild_id"] = guild;
  put(members, guild, id, std::move(member));
}

/// A member that rides along with something else. Its user may come beside it.
void Model::member_along(const std::string& guild, json member, json of) {
  user(of);
  if (!options_.harvest_members || !member.is_object() || guild.empty()) return;
  const std::string id = id_at(of, "id");
  if (id.empty() || gone_members_.contains({guild, id})) return;
  member.erase("permissions");
  member["user"] = without(std::move(of), {"member"});
  member["guild_id"] = guild;
  put(members, guild, id, std::move(member));
}

void Model::drop_member(const std::string& guild, const std::string& user) {
  for (int database : {members, presences, voice_states}) erase(database, guild, user);
}

void Model::member_add(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  const bool is_new = get(members, guild, id_at(at(data, "user"), "id")) == nullptr;
  member(guild, data);
  if (!is_new || !known(guild)) return;
  json record = *get(guilds, guild);
  if (!at(record, "member_count").is_number_integer()) return;
  record["member_count"] = record["member_count"].get<std::int64_t>() + 1;
  put(guilds, guild, std::move(record));
}

void Model::member_update(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  const json* stored = get(members, guild, id_at(at(data, "user"), "id"));
  json record = stored == nullptr ? json::object() : *stored;
  bool says_everything = true;
  for (const char* key : {"nick", "premium_since", "deaf", "mute", "pending", "flags", "communication_disabled_until",
                          "avatar_decoration_data", "collectibles"})
    says_everything = says_everything && data.contains(key);
  if (says_everything) record = json::object();
  record.update(data);
  member(guild, std::move(record));
}

void Model::member_remove(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  const std::string id = id_at(at(data, "user"), "id");
  user_in(data, "user");
  drop_member(guild, id);
  gone_members_.insert({guild, id});
  if (!known(guild)) return;
  json record = *get(guilds, guild);
  if (!at(record, "member_count").is_number_integer()) return;
  record["member_count"] = std::max<std::int64_t>(0, record["member_count"].get<std::int64_t>() - 1);
  put(guilds, guild, std::move(record));
}

void Model::members_chunk(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  for (const json& one : at(data, "members")) member(guild, one);
  if (data.contains("presences")) {
    for (const json& one : at(data, "members")) erase(presences, guild, id_at(at(one, "user"), "id"));
    for (const json& one : at(data, "presences")) presence(guild, one);
  }
  for (const json& id : at(data, "not_found")) drop_member(guild, id_of(id));
}

// ---------------------------------------------------------------------------------------------------- Lists

void Model::role_upsert(const json& data) { entity(roles, id_at(data, "guild_id"), at(data, "role")); }

void Model::role_delete(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  const std::string role = id_at(data, "role_id");
  erase(roles, role);
  if (!options_.scrub_deleted_roles) return;
  for (const std::string& user : fields_of(members, guild)) {
    json record = *get(members, guild, user);
    json kept = json::array();
    for (const json& id : at(record, "roles"))
      if (id_of(id) != role) kept.push_back(id);
    if (kept.size() == at(record, "roles").size()) continue;
    record["roles"] = kept;
    put(members, guild, user, std::move(record));
  }
}

void Model::emojis_update(const json& data) { replace_all(emojis, id_at(data, "guild_id"), at(data, "emojis")); }

void Model::stickers_update(const json& data) { replace_all(stickers, id_at(data, "guild_id"), at(data, "stickers")); }

void Model::sound_upsert(const json& data) { entity(sounds, id_at(data, "guild_id"), data, "sound_id"); }

void Model::sound_delete(const json& data) { erase(sounds, id_at(data, "sound_id")); }

void Model::sounds_update(const json& data) {
  replace_all(sounds, id_at(data, "guild_id"), at(data, "soundboard_sounds"), "sound_id");
}

// ---------------------------------------------------------------------------------------------------- Channels

void Model::channel_upsert(const json& data) {
  if (is_thread(data) || is_direct(data)) return;
  for (const json& one : at(data, "recipients")) user(one);
  json record = data;
  std::string guild = id_at(data, "guild_id");
  if (const json* stored = get(channels, id_at(data, "id"))) {
    if (guild.empty()) guild = id_at(*stored, "guild_id");
    for (const char* key : {"status", "voice_start_time", "last_message_id", "last_pin_timestamp"})
      if (!record.contains(key) && stored->contains(key)) record[key] = stored->at(key);
  }
  entity(channels, guild, std::move(record));
}

void Model::channel_delete(const json& data) {
  std::string guild = id_at(data, "guild_id");
  if (const json* stored = get(channels, id_at(data, "id")); stored != nullptr && guild.empty())
    guild = id_at(*stored, "guild_id");
  drop_channel(guild, id_at(data, "id"));
}

void Model::drop_channel(const std::string& guild, const std::string& channel) {
  for (const std::string& thread : listed(reference(channels, channel, threads))) drop_thread(thread, true);
  for (const std::string& user : listed(reference(channels, channel, voice_states))) erase(voice_states, guild, user);
  for (const std::string& code : listed(reference(channels, channel, invites))) erase(invites, code);
  for (const std::string& stage : listed(reference(guilds, guild, stages)))
    if (id_at(*get(stages, stage), "channel_id") == channel) erase(stages, stage);
  drop_messages(channel);
  erase(channels, channel);
}

void Model::change_in_channel(const std::string& channel, const char* key, const json& value, bool threads_too) {
  for (int database : {channels, threads}) {
    if (get(database, channel) == nullptr || (database == threads && !threads_too)) continue;
    json record = *get(database, channel);
    record[key] = value;
    put(database, channel, std::move(record));
  }
}

void Model::pins_update(const json& data) {
  change_in_channel(id_at(data, "channel_id"), "last_pin_timestamp", at(data, "last_pin_timestamp"), true);
}

void Model::channel_info(const json& data) {
  for (const json& one : at(data, "channels"))
    for (const char* key : {"status", "voice_start_time"})
      if (one.contains(key)) change_in_channel(id_at(one, "id"), key, one.at(key), false);
}

void Model::voice_status(const json& data) {
  change_in_channel(id_at(data, "id"), "status", at(data, "status"), false);
}

void Model::voice_start_time(const json& data) {
  change_in_channel(id_at(data, "id"), "voice_start_time", at(data, "voice_start_time"), false);
}

// ---------------------------------------------------------------------------------------------------- Threads

void Model::thread(const std::string& guild, json thread, bool from_list) {
  const std::string id = id_at(thread, "id");
  if (at(at(thread, "thread_metadata"), "archived") == true) return drop_thread(id, false);
  thread.erase("newly_created");
  if (at(thread, "member").is_object()) {
    json& own = thread["member"];
    const json* myself = get(users, me);
    if (!own.contains("id")) own["id"] = id;
    if (!own.contains("user_id") && myself != nullptr) own["user_id"] = id_at(*myself, "id");
  }
  // Lists are complete; else counters and the own membership are left out of what is known already.
  if (const json* stored = get(threads, id); stored != nullptr && !from_list) {
    for (const char* key :
         {"member", "last_message_id", "last_pin_timestamp", "member_count", "message_count", "total_message_sent"})
      if (!thread.contains(key) && stored->contains(key)) thread[key] = stored->at(key);
  }
  thread["guild_id"] = guild;
  put(threads, id, std::move(thread));
}

void Model::drop_thread(const std::string& thread, bool with_messages) {
  erase(threads, thread);
  if (with_messages) drop_messages(thread);
}

void Model::thread_upsert(const json& data) {
  thread(id_at(data, "guild_id"), data);
  const json* parent = get(channels, id_at(data, "parent_id"));
  if (parent == nullptr || at(data, "newly_created") != true || !options_.track_channel_activity) return;
  if (at(*parent, "type") == 15 || at(*parent, "type") == 16)
    change_in_channel(id_at(data, "parent_id"), "last_message_id", id_at(data, "id"), false);
}

void Model::thread_delete(const json& data) { drop_thread(id_at(data, "id"), true); }

/// Without channel_ids it speaks of the whole guild.
void Model::thread_list_sync(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  std::set<std::string> kept, parents;
  for (const json& one : at(data, "threads")) kept.insert(id_at(one, "id"));
  for (const json& parent : at(data, "channel_ids")) parents.insert(id_of(parent));
  for (const std::string& id : listed(reference(guilds, guild, threads))) {
    const bool in_scope = !data.contains("channel_ids") || parents.contains(id_at(*get(threads, id), "parent_id"));
    if (in_scope && !kept.contains(id)) drop_thread(id, false);
  }
  for (json one : at(data, "threads")) {
    for (const json& own : at(data, "members"))
      if (id_at(own, "id") == id_at(one, "id")) one["member"] = own;
    thread(guild, std::move(one), true);
  }
}

void Model::thread_member_update(const json& data) {
  const std::string id = id_at(data, "id");
  if (get(threads, id) == nullptr) return;
  json record = *get(threads, id);
  record["member"] = without(data, {"guild_id"});
  put(threads, id, std::move(record));
}

void Model::thread_members_update(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  const std::string id = id_at(data, "id");
  const std::string own_id = get(users, me) == nullptr ? std::string() : id_at(*get(users, me), "id");
  const json* stored = get(threads, id);
  json record = stored == nullptr ? json::object() : *stored;
  record["member_count"] = at(data, "member_count");
  for (const json& added : at(data, "added_members")) {
    if (at(added, "member").is_object()) member_along(guild, at(added, "member"), at(at(added, "member"), "user"));
    if (at(added, "presence").is_object()) presence(guild, at(added, "presence"));
    if (id_at(added, "user_id") == own_id) record["member"] = without(added, {"member", "presence"});
  }
  bool removed = false;
  for (const json& user : at(data, "removed_member_ids")) removed = removed || id_of(user) == own_id;
  if (removed) record.erase("member");
  if (stored == nullptr) return;
  if (removed && at(record, "type") == 12) return drop_thread(id, false);
  put(threads, id, std::move(record));
}

void Model::count_in_thread(const std::string& thread, const char* key, int by) {
  if (!options_.track_channel_activity || get(threads, thread) == nullptr) return;
  json record = *get(threads, thread);
  if (!at(record, key).is_number_integer()) return;
  record[key] = std::max<std::int64_t>(0, record[key].get<std::int64_t>() + by);
  put(threads, thread, std::move(record));
}

// ---------------------------------------------------------------------------------------------------- Messages

void Model::drop_messages(const std::string& channel) {
  for (const std::string& id : listed(reference(channels, channel, messages))) erase(messages, id);
}

/// Webhooks are no users, except where they answer an interaction.
void Model::message_users(const json& message, bool with_members) {
  const std::string guild = id_at(message, "guild_id");
  const auto is_webhook = [](const json& one) {
    return one.contains("webhook_id") && !one.contains("interaction_metadata") && !one.contains("interaction");
  };
  const json& author = at(message, "author");
  if (author.is_object() && !is_webhook(message))
    member_along(guild, with_members ? at(message, "member") : json(), author);
  for (const json& one : at(message, "mentions")) member_along(guild, with_members ? at(one, "member") : json(), one);
  user_in(at(message, "interaction_metadata"), "user");
  const json& original = at(message, "referenced_message");
  if (original.is_object() && !is_webhook(original)) user_in(original, "author");
  if (at(message, "thread").is_object()) thread(guild, at(message, "thread"));
}

void Model::message_create(const json& data) {
  const std::string id = id_at(data, "id");
  const std::string channel = id_at(data, "channel_id");
  if (at(data, "flags").is_number_integer() && (at(data, "flags").get<int>() & 64) != 0) {
    user_in(data, "author");
    return;
  }
  const bool is_new = get(messages, id) == nullptr;
  message_users(data, true);
  put(messages, id, data);
  if (!options_.track_channel_activity) return;
  change_in_channel(channel, "last_message_id", id, true);
  if (!is_new || id == channel) return;
  count_in_thread(channel, "message_count", 1);
  count_in_thread(channel, "total_message_sent", 1);
}

/// Only what is known changes; users ride along with any message.
void Model::message_update(const json& message) {
  message_users(message, false);
  const std::string id = id_at(message, "id");
  if (get(messages, id) == nullptr) return;
  json record = *get(messages, id);
  json change = message;
  if (record.contains("tts")) change.erase("tts");
  const json& results = at(at(record, "poll"), "results");
  if (at(change, "poll").is_object() && !change["poll"].contains("results") && !results.is_null())
    change["poll"]["results"] = results;
  record.update(change);
  put(messages, id, std::move(record));
}

void Model::message_delete(const json& data) {
  erase(messages, id_at(data, "id"));
  count_in_thread(id_at(data, "channel_id"), "message_count", -1);
}

void Model::message_delete_bulk(const json& data) {
  for (const json& id : at(data, "ids")) message_delete({{"id", id}, {"channel_id", at(data, "channel_id")}});
}

void Model::reaction_add(const json& data) {
  if (at(data, "member").is_object())
    member_along(id_at(data, "guild_id"), at(data, "member"), at(at(data, "member"), "user"));
  reaction(data, 1);
}

namespace {

/// By id where there is one: the name of a custom emoji changes.
bool same_emoji(const json& left, const json& right) {
  const std::string id = id_at(left, "id");
  return id == id_at(right, "id") && (!id.empty() || at(left, "name") == at(right, "name"));
}

json::iterator find_reaction(json& list, const json& emoji) {
  return std::find_if(list.begin(), list.end(), [&](const json& one) { return same_emoji(at(one, "emoji"), emoji); });
}

}  // namespace

void Model::reaction(const json& event, int by) {
  const std::string id = id_at(event, "message_id");
  if (get(messages, id) == nullptr) return;
  json record = *get(messages, id);
  json& list = record["reactions"];
  if (!list.is_array()) list = json::array();
  auto entry = find_reaction(list, at(event, "emoji"));
  if (entry == list.end()) {
    if (by < 0) return;
    list.push_back({{"emoji", at(event, "emoji")},
                    {"count", 0},
                    {"count_details", {{"burst", 0}, {"normal", 0}}},
                    {"me", false},
                    {"me_burst", false},
                    {"burst_colors", json::array()}});
    entry = list.end() - 1;
  }
  const bool burst = at(event, "burst") == true;
  const json* own = get(users, me);
  (*entry)["count"] = (*entry)["count"].get<int>() + by;
  json& part = (*entry)["count_details"][burst ? "burst" : "normal"];
  part = std::max(0, (part.is_number() ? part.get<int>() : 0) + by);
  if (by > 0 && burst && event.contains("burst_colors")) (*entry)["burst_colors"] = event.at("burst_colors");
  if (own != nullptr && id_at(event, "user_id") == id_at(*own, "id")) (*entry)[burst ? "me_burst" : "me"] = by > 0;
  if ((*entry)["count"].get<int>() <= 0) list.erase(entry);
  put(messages, id, std::move(record));
}

void Model::reaction_remove_all(const json& data) {
  const std::string id = id_at(data, "message_id");
  if (get(messages, id) == nullptr) return;
  json record = *get(messages, id);
  record["reactions"] = json::array();
  put(messages, id, std::move(record));
}

void Model::reaction_remove_emoji(const json& data) {
  const std::string id = id_at(data, "message_id");
  if (get(messages, id) == nullptr || !at(*get(messages, id), "reactions").is_array()) return;
  json record = *get(messages, id);
  const auto entry = find_reaction(record["reactions"], at(data, "emoji"));
  if (entry == record["reactions"].end()) return;
  record["reactions"].erase(entry);
  put(messages, id, std::move(record));
}

/// Missing results mean that nobody knows them, which a vote does not change.
void Model::vote(const json& event, int by) {
  const std::string id = id_at(event, "message_id");
  if (get(messages, id) == nullptr || !at(at(*get(messages, id), "poll"), "results").is_object()) return;
  json record = *get(messages, id);
  json& counts = record["poll"]["results"]["answer_counts"];
  if (!counts.is_array()) counts = json::array();
  auto entry = std::find_if(counts.begin(), counts.end(),
                            [&](const json& one) { return at(one, "id") == at(event, "answer_id"); });
  if (entry == counts.end()) {
    counts.push_back({{"id", at(event, "answer_id")}, {"count", 0}, {"me_voted", false}});
    entry = counts.end() - 1;
  }
  const json* own = get(users, me);
  (*entry)["count"] = std::max(0, (*entry)["count"].get<int>() + by);
  if (own != nullptr && id_at(event, "user_id") == id_at(*own, "id")) (*entry)["me_voted"] = by > 0;
  put(messages, id, std::move(record));
}

// ------------------------------------------------------------------------------------------- Presences and voice

void Model::presence(const std::string& guild, json presence) {
  const std::string id = id_at(at(presence, "user"), "id");
  user_in(presence, "user");
  if (at(presence, "status") == "offline") return erase(presences, guild, id);
  presence["guild_id"] = guild;
  put(presences, guild, id, std::move(presence));
}

void Model::presence_update(const json& data) {
  if (const std::string guild = id_at(data, "guild_id"); !guild.empty()) presence(guild, data);
}

void Model::typing_start(const json& data) {
  if (at(data, "member").is_object())
    member_along(id_at(data, "guild_id"), at(data, "member"), at(at(data, "member"), "user"));
}

/// With its member: from the event, else as it is known.
void Model::voice_state(const std::string& guild, json state) {
  const std::string id = id_at(state, "user_id");
  const json* known_member = get(members, guild, id);
  if (!at(state, "member").is_object() && known_member != nullptr) state["member"] = *known_member;
  state["guild_id"] = guild;
  put(voice_states, guild, id, std::move(state));
}

void Model::voice_state_update(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  if (guild.empty()) return;
  const json& member = at(data, "member");
  if (at(data, "channel_id").is_null()) {
    user_in(member, "user");
    return erase(voice_states, guild, id_at(data, "user_id"));
  }
  if (member.is_object()) member_along(guild, member, at(member, "user"));
  voice_state(guild, data);
}

// ------------------------------------------------------------------------------------ Stages, events and the rest

/// A channel has one stage at a time.
void Model::stage_upsert(const json& data) {
  for (const std::string& stage : listed(reference(guilds, id_at(data, "guild_id"), stages)))
    if (id_at(*get(stages, stage), "channel_id") == id_at(data, "channel_id")) erase(stages, stage);
  entity(stages, id_at(data, "guild_id"), data);
}

void Model::stage_delete(const json& data) { erase(stages, id_at(data, "id")); }

void Model::scheduled_event_upsert(const json& data) {
  json record = data;
  const json* stored = get(scheduled_events, id_at(data, "id"));
  if (stored != nullptr && stored->contains("user_count") && !record.contains("user_count"))
    record["user_count"] = stored->at("user_count");
  entity(scheduled_events, id_at(data, "guild_id"), std::move(record));
}

void Model::scheduled_event_delete(const json& data) { erase(scheduled_events, id_at(data, "id")); }

void Model::scheduled_event_users(const json& event, int by) {
  const std::string id = id_at(event, "guild_scheduled_event_id");
  const json* stored = get(scheduled_events, id);
  if (stored == nullptr || !at(*stored, "user_count").is_number_integer()) return;
  json record = *stored;
  record["user_count"] = std::max<std::int64_t>(0, record["user_count"].get<std::int64_t>() + by);
  put(scheduled_events, id, std::move(record));
}

void Model::invite_create(const json& data) {
  user_in(data, "inviter");
  user_in(data, "target_user");
  put(invites, id_at(data, "code"), data);
}

void Model::invite_delete(const json& data) { erase(invites, id_at(data, "code")); }

void Model::integration_upsert(const json& data) {
  user_in(at(data, "application"), "bot");
  entity(integrations, id_at(data, "guild_id"), data);
}

void Model::integration_delete(const json& data) { erase(integrations, id_at(data, "id")); }

void Model::rule_upsert(const json& data) { entity(rules, id_at(data, "guild_id"), data); }

void Model::rule_delete(const json& data) { erase(rules, id_at(data, "id")); }

/// What an interaction says about channels depends on who uses it.
void Model::partial_channel(const json& channel) {
  for (int database : {channels, threads}) {
    const json* stored = get(database, id_at(channel, "id"));
    if (stored == nullptr) continue;
    json record = *stored;
    record.update(without(channel, {"permissions", "app_permissions", "guild_id", "member"}));
    put(database, id_at(channel, "id"), std::move(record));
  }
}

void Model::interaction_create(const json& data) {
  const std::string guild = id_at(data, "guild_id");
  const json& resolved = at(at(data, "data"), "resolved");
  const bool guild_known = known(guild);  // Applications are used where the bot is not.
  const json& member = at(data, "member");
  user_in(data, "user");
  if (member.is_object()) member_along(guild_known ? guild : std::string(), member, at(member, "user"));
  for (const json& one : at(resolved, "users")) user(one);
  if (guild_known) {
    for (const auto& [id, one] : at(resolved, "members").items()) {
      const json& of = at(at(resolved, "users"), id.c_str());
      if (of.is_object()) member_along(guild, one, of);
    }
    for (const json& role : at(resolved, "roles")) entity(roles, guild, role);
  }
  if (at(data, "channel").is_object()) partial_channel(at(data, "channel"));
  for (const json& channel : at(resolved, "channels")) partial_channel(channel);
  if (at(data, "message").is_object()) message_update(at(data, "message"));
  for (const json& message : at(resolved, "messages")) message_update(message);
}

}  // namespace sake::test
