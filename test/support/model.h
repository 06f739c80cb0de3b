#pragma once

// What a cache should hold after a gateway log: a second reading of the stored layout and of what each event means,
// written for plainness and in memory. It shares no code with the library, so that a mistake has to be made twice to
// stay unseen. Lifetimes are left out: nothing in it ever expires, and tombstones end only with what lifts them.
//
//   Model model({.harvest_members = true});
//   for (const std::string& frame : generate(options)) model.apply_frame(nlohmann::json::parse(frame));
//   CHECK(diff(model.redis(), dump(client, {.lifetimes = Lifetimes::left_out})) == "");

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace sake::test {

/// The choices of Options that change what is stored. All resources are kept, and all secondary indices.
struct ModelOptions {
  enum class Members { automatic, replace, merge };
  Members guild_create_members = Members::automatic;
  bool harvest_members = true;
  bool scrub_deleted_roles = false;
  bool track_channel_activity = false;
  bool reconcile = true;
};

class Model {
 public:
  using json = nlohmann::json;

  explicit Model(const ModelOptions& options = {}) : options_(options) {}

  /// As Shard::dispatch_frame of the shard that the frame names, or of the only one.
  void apply_frame(const json& frame);

  /// As Shard::dispatch: without a look at sequence numbers.
  void apply(const std::string& event, const json& data);

  /// The content of Redis, as dump() gives it.
  json redis() const;

  /// The event that wrote to or removed from a key last; empty for one that none has touched.
  std::string touched_by(int database, const std::string& key) const;

  /// Events applied so far, by name; duplicates and late ones are not among them.
  const std::map<std::string, std::uint64_t>& applied() const { return applied_; }

 private:
  using Handler = void (Model::*)(const json&);
  static const std::map<std::string, Handler>& handlers();

  // Records. The field is empty but in hashes. A write keeps the references that follow from the record.
  const json* get(int database, const std::string& key, const std::string& field = {}) const;
  void put(int database, const std::string& key, json value) { put(database, key, {}, std::move(value)); }
  void put(int database, const std::string& key, const std::string& field, json value);
  void erase(int database, const std::string& key, const std::string& field = {});
  void refer(int database, const std::string& key, const std::string& field, bool add);
  std::vector<std::string> listed(const std::string& reference) const;
  std::vector<std::string> fields_of(int database, const std::string& key) const;
  bool known(const std::string& guild) const { return get(1, guild) != nullptr; }

  // Parts of events.
  void user(const json& user);
  void own_user(const json& user);
  void user_in(const json& object, const char* key);
  void member(const std::string& guild, json member);
  void member_along(const std::string& guild, json member, json user);
  void drop_member(const std::string& guild, const std::string& user);
  void presence(const std::string& guild, json presence);
  void voice_state(const std::string& guild, json state);
  void entity(int database, const std::string& guild, json object, const char* id = "id");
  void replace_all(int database, const std::string& guild, const json& objects, const char* id = "id");
  void channel(json channel);
  void drop_channel(const std::string& guild, const std::string& channel);
  void thread(const std::string& guild, json thread, bool from_list = false);
  void drop_thread(const std::string& thread, bool with_messages);
  void drop_messages(const std::string& channel);
  void drop_guild(const std::string& guild);
  void flag_unavailable(const std::string& guild);
  void change_in_channel(const std::string& channel, const char* key, const json& value, bool threads_too);
  void count_in_thread(const std::string& thread, const char* key, int by);
  void message_users(const json& message, bool with_members);
  void message_update(const json& message);
  void partial_channel(const json& channel);
  void reaction(const json& event, int by);
  void vote(const json& event, int by);
  void scheduled_event_users(const json& event, int by);

  // Events.
  void ready(const json& data);
  void user_update(const json& data);
  void guild_create(const json& data);
  void guild_update(const json& data);
  void guild_delete(const json& data);
  void ban(const json& data);
  void member_add(const json& data);
  void member_update(const json& data);
  void member_remove(const json& data);
  void members_chunk(const json& data);
  void role_upsert(const json& data);
  void role_delete(const json& data);
  void emojis_update(const json& data);
  void stickers_update(const json& data);
  void sound_upsert(const json& data);
  void sound_delete(const json& data);
  void sounds_update(const json& data);
  void channel_upsert(const json& data);
  void channel_delete(const json& data);
  void pins_update(const json& data);
  void channel_info(const json& data);
  void voice_status(const json& data);
  void voice_start_time(const json& data);
  void thread_upsert(const json& data);
  void thread_delete(const json& data);
  void thread_list_sync(const json& data);
  void thread_member_update(const json& data);
  void thread_members_update(const json& data);
  void message_create(const json& data);
  void message_changed(const json& data) { message_update(data); }
  void message_delete(const json& data);
  void message_delete_bulk(const json& data);
  void reaction_add(const json& data);
  void reaction_remove(const json& data) { reaction(data, -1); }
  void reaction_remove_all(const json& data);
  void reaction_remove_emoji(const json& data);
  void vote_add(const json& data) { vote(data, 1); }
  void vote_remove(const json& data) { vote(data, -1); }
  void presence_update(const json& data);
  void typing_start(const json& data);
  void voice_state_update(const json& data);
  void stage_upsert(const json& data);
  void stage_delete(const json& data);
  void scheduled_event_upsert(const json& data);
  void scheduled_event_delete(const json& data);
  void scheduled_event_user_add(const json& data) { scheduled_event_users(data, 1); }
  void scheduled_event_user_remove(const json& data) { scheduled_event_users(data, -1); }
  void invite_create(const json& data);
  void invite_delete(const json& data);
  void integration_upsert(const json& data);
  void integration_delete(const json& data);
  void rule_upsert(const json& data);
  void rule_delete(const json& data);
  void interaction_create(const json& data);

  ModelOptions options_;
  std::map<int, std::map<std::string, std::map<std::string, json>>> records_;  ///< By database, key, field.
  std::map<std::string, std::set<std::string>> references_;
  std::map<std::string, std::string> guild_of_voice_channel_;
  std::set<std::string> left_guilds_;
  std::set<std::pair<std::string, std::string>> gone_members_;
  std::map<int, std::uint64_t> marks_;  ///< The highest sequence number of each shard.
  std::string event_;                   ///< The one being applied.
  std::map<std::pair<int, std::string>, std::string> touched_;
  std::map<std::string, std::uint64_t> applied_;
};

}  // namespace sake::test
