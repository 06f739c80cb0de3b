#include "cache/permissions.h"

#include <algorithm>
#include <coroutine>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sake/models.h"
#include "sake/request.h"

#include "base/snowflake.h"

namespace sake::cache {
namespace {

std::string decimal(std::uint64_t number) { return std::string(base::Decimal(number).view()); }

Error unknown(std::string text) { return {.code = Errc::entry_not_found, .text = std::move(text)}; }

/// Makes calls at once and awaits that all of them have called back.
class AllOf {
 public:
  using Call = Callback<void(Callback<void()> done)>;
  explicit AllOf(std::vector<Call> calls) noexcept : calls_(std::move(calls)) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    missing_ = calls_.size() + 1;  // One of them is this call, during which nothing is resumed.
    for (Call& call : calls_)
      call([this, waiting] {
        if (--missing_ == 0) waiting.resume();
      });
    return --missing_ != 0;
  }
  void await_resume() const noexcept {}

 private:
  std::vector<Call> calls_;
  std::size_t missing_ = 0;
};

class PermissionsRead {
 public:
  PermissionsRead(Reads& reads, dispatch::Dispatcher& dispatcher, const PermissionsAsked& asked,
                  Callback<bool()> are_roles_known, Callback<void(Result<PermissionReport>)> then)
      : reads_(reads),
        dispatcher_(dispatcher),
        asked_(asked),
        are_roles_known_(std::move(are_roles_known)),
        then_(std::move(then)) {}

  static Detached run(std::unique_ptr<PermissionsRead> self) {
    if (Status status = self->check_options(); !status) {
      self->reads_.tell([told = std::move(self->then_), error = status.error()]() mutable { told(std::move(error)); });
      co_return;
    }
    AllOf first(self->first_trip());
    co_await first;
    Status status = self->take_first();
    if (status && !self->is_owner()) {
      AllOf second(self->second_trip());
      co_await second;
      status = self->take_second();
    }
    if (status) status = self->check_clean();
    if (status) {
      self->then_(self->report());
    } else {
      self->then_(status.error());
    }
  }

 private:
  const store::Settings& settings() const noexcept { return reads_.settings(); }
  bool is_owner() const noexcept { return owner_ == asked_.user; }

  // --- What is asked for.

  Status check_options() const {
    if (Status status = check_guild(Resource::guild, asked_.guild); !status) return status;
    for (const auto& [resource, field] :
         {std::pair(Resource::guild, "owner_id"), std::pair(Resource::member, "roles"),
          std::pair(Resource::member, "communication_disabled_until"), std::pair(Resource::role, "permissions"),
          std::pair(Resource::channel, "permission_overwrites")}) {
      if (resource == Resource::channel && !asked_.channel) continue;
      if (Status status = check_in_use(settings(), resource); !status) return status;
      if (Status status = check_stored(resource, field); !status) return status;
    }
    return check_clean();
  }

  Status check_stored(Resource resource, std::string_view field) const {
    const std::string_view option = settings().selection.left_out_by(resource, field);
    if (option.empty()) return {};
    return Error{.code = Errc::invalid_argument,
                 .text = std::string(option) + ": " + std::string(name(resource)) + " is stored without " +
                         std::string(field) + ", which permissions need"};
  }

  Status check_clean() const {
    if (!dispatcher_.dirty_guilds().contains(asked_.guild)) return {};
    return unknown("the guild " + decimal(asked_.guild) + " is dirty: what is cached of it may be out of date");
  }

  AllOf::Call reading(EntityKey key, Result<Entity>& into) {
    return [this, key = std::move(key), &into](Callback<void()> done) mutable {
      read_entity(reads_, std::move(key), {}, [&into, done = std::move(done)](Result<Entity> found) mutable {
        into = std::move(found);
        done();
      });
    };
  }

  std::vector<AllOf::Call> first_trip() {
    std::vector<AllOf::Call> calls;
    calls.push_back(reading({Resource::guild, asked_.guild, asked_.guild}, guild_));
    calls.push_back(reading({Resource::member, asked_.user, asked_.guild}, member_));
    if (asked_.channel) calls.push_back(reading({Resource::channel, *asked_.channel, asked_.guild}, channel_));
    if (asked_.channel && settings().uses(Resource::thread))
      calls.push_back(reading({Resource::thread, *asked_.channel, asked_.guild}, thread_));
    return calls;
  }

  std::vector<AllOf::Call> second_trip() {
    std::vector<AllOf::Call> calls;
    calls.push_back([this](Callback<void()> done) mutable {
      auto take = [this, done = std::move(done)](Result<Entities> found) mutable {
        roles_found_ = std::move(found);
        done();
      };
      read_entities(reads_, Resource::role, 0, role_ids(), std::move(take), false);
    });
    if (parent_) calls.push_back(reading({Resource::channel, *parent_, asked_.guild}, channel_));
    return calls;
  }

  std::vector<std::uint64_t> role_ids() const {
    std::vector<std::uint64_t> ids{asked_.guild};
    for (Snowflake role : member_facts_.roles)
      if (role != asked_.guild) ids.push_back(role);
    return ids;
  }

  // --- What the answers say.

  Error invalid(const JsonView& view, std::string_view what) const {
    const Entity& entity = view.entity();
    return invalid_data(settings(), {entity.resource, entity.id, entity.guild_id, entity.code}, what);
  }

  /// Of a field that has to be there.
  template <typename T>
  Error invalid(const JsonView& view, const Field<T>& field) const {
    return invalid(view,
                   field.is_invalid() ? field.error().text : "`" + std::string(field.info()->name) + "` is missing");
  }

  Error not_cached(std::string_view kind, std::uint64_t id) const {
    std::string text = "the " + std::string(kind) + " " + decimal(id);
    if (kind != "guild") text += " of the guild " + decimal(asked_.guild);
    return unknown(text + " is not cached");
  }

  Status check_found(const Result<Entity>& found, std::string_view kind, std::uint64_t id) const {
    if (found) return {};
    return found.error().code == Errc::entry_not_found ? not_cached(kind, id) : found.error();
  }

  Status take_first() {
    Status status = take_guild();
    if (status && asked_.channel) status = take_channel();
    if (status && !is_owner()) status = take_member();
    return status;
  }

  Status take_second() {
    Status status = take_roles();
    if (status && parent_) status = check_found(channel_, "channel", *parent_);
    if (status && asked_.channel) status = take_overwrites();
    if (status && type_ == ChannelType::private_thread) status = check_membership();
    return status;
  }

  Status take_guild() {
    if (Status status = check_found(guild_, "guild", asked_.guild); !status) return status;
    const Guild guild(JsonView(std::move(guild_).value()));
    const Field<Snowflake> owner = guild.owner_id();
    if (!owner) return invalid(guild, owner);
    owner_ = *owner;
    return {};
  }

  Status take_member() {
    if (Status status = check_found(member_, "member", asked_.user); !status) return status;
    const Member member(JsonView(std::move(member_).value()));
    Result<MemberFacts> facts = facts_of(member);
    if (!facts) return invalid(member, facts.error().text);
    member_facts_ = std::move(facts).value();
    return {};
  }

  Status take_channel() {
    if (channel_) return take_place(Channel(JsonView(*channel_)));
    if (channel_.error().code != Errc::entry_not_found) return channel_.error();
    if (!settings().uses(Resource::thread))
      return Error{.code = Errc::invalid_argument,
                   .text = "resources: this cache does not keep thread, and no channel " + decimal(*asked_.channel) +
                           " is cached"};
    if (Status status = check_found(thread_, "channel", *asked_.channel); !status) return status;
    const Thread thread(JsonView(std::move(thread_).value()));
    const Field<Snowflake> parent = thread.parent_id();
    if (!parent) return invalid(thread, parent);
    parent_ = *parent;
    // Discord tells only of the own user whether it is in a thread.
    const ThreadMember own = thread.member();
    const auto user = own.user_id() ? own.user_id().value().value() : dispatcher_.state->own_id;
    is_thread_member_ = own.has_value() && user == asked_.user;
    return take_place(thread);
  }

  /// What a channel and a thread have in common.
  template <typename T>
  Status take_place(const T& place) {
    const Field<ChannelType> type = place.type();
    if (!type) return invalid(place, type);
    type_ = *type;
    const bool is_thread = type_ == ChannelType::announcement_thread || type_ == ChannelType::public_thread ||
                           type_ == ChannelType::private_thread;
    if (is_thread != (place.entity().resource == Resource::thread)) return invalid(place, "`type` is not one of these");
    return check_guild_of(place);
  }

  template <typename T>
  Status check_guild_of(const T& place) const {
    const Field<Snowflake> guild = place.guild_id();
    if (!guild) return invalid(place, guild);
    if (*guild == asked_.guild) return {};
    return unknown("the channel " + decimal(place.entity().id) + " is not one of the guild " + decimal(asked_.guild));
  }

  Status take_overwrites() {
    const Channel channel(JsonView(std::move(channel_).value()));
    if (Status status = check_guild_of(channel); !status) return status;
    Result<std::vector<OverwriteFacts>> overwrites = overwrites_of(channel);
    if (!overwrites) return invalid(channel, overwrites.error().text);
    overwrites_ = std::move(overwrites).value();
    return {};
  }

  Status take_roles() {
    if (!roles_found_) return roles_found_.error();
    const std::vector<std::uint64_t> ids = role_ids();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::optional<Entity>& found = (*roles_found_)[i];
      if (!found) {
        const bool is_deleted = ids[i] != asked_.guild && are_roles_known_();
        if (!is_deleted) return not_cached("role", ids[i]);
        continue;
      }
      const Role role(JsonView(std::move(*found)));
      const Field<Permissions> permissions = role.permissions();
      if (!permissions) return invalid(role, permissions);
      if (role.guild_id() != asked_.guild) return invalid(role, "`guild_id` is not that of its member");
      roles_.push_back({.id = ids[i], .permissions = *permissions});
    }
    return {};
  }

  /// Who is in a private thread is known of the own user alone, and matters only to some.
  Status check_membership() {
    if (is_thread_member_) return {};
    const PermissionReport outside = report();
    is_thread_member_ = true;
    const PermissionReport inside = report();
    is_thread_member_ = false;
    if (inside.effective == outside.effective) return {};
    if (Status status = check_stored(Resource::thread, "member"); !status) return status;
    return unknown("whether the user " + decimal(asked_.user) + " is in the private thread " +
                   decimal(*asked_.channel) + " is not cached");
  }

  PermissionReport report() const {
    PermissionQuestion question{.guild_id = asked_.guild,
                                .owner_id = owner_,
                                .user_id = asked_.user,
                                .roles = roles_,
                                .member_roles = member_facts_.roles,
                                .timed_out_until = member_facts_.timed_out_until,
                                .now = Timestamp(std::chrono::milliseconds(dispatcher_.wall_clock()))};
    if (asked_.channel)
      question.channel = {.type = type_, .overwrites = overwrites_, .is_thread_member = is_thread_member_};
    return permissions_of(question, asked_.reasons);
  }

  Reads& reads_;
  dispatch::Dispatcher& dispatcher_;
  const PermissionsAsked asked_;
  Callback<bool()> are_roles_known_;
  Callback<void(Result<PermissionReport>)> then_;

  Result<Entity> guild_ = Error();
  Result<Entity> member_ = Error();
  Result<Entity> channel_ = Error();  ///< The one whose overwrites hold: behind the second trip a thread's.
  Result<Entity> thread_ = Error();
  Result<Entities> roles_found_ = Error();

  std::uint64_t owner_ = 0;
  MemberFacts member_facts_;
  std::vector<RoleFacts> roles_;
  ChannelType type_ = ChannelType::guild_text;
  std::optional<std::uint64_t> parent_;
  std::vector<OverwriteFacts> overwrites_;
  bool is_thread_member_ = false;
};

}  // namespace

void read_permissions(Reads& reads, dispatch::Dispatcher& dispatcher, const PermissionsAsked& asked,
                      Callback<bool()> are_roles_known, Callback<void(Result<PermissionReport>)> then) {
  PermissionsRead::run(
      std::make_unique<PermissionsRead>(reads, dispatcher, asked, std::move(are_roles_known), std::move(then)));
}

}  // namespace sake::cache
