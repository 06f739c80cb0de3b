#pragma once

// One dispatched event while it is being applied: what handlers see of it, and how they ask and write.
// Rule to remember: writes only gather in a batch. Nothing is sent before the handler waits or returns, so a handler
// that rejects has written nothing.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sake/cache.h"

#include "json/scan.h"
#include "redis/pipeline.h"
#include "resources/flow.h"
#include "resources/state.h"
#include "store/ownership.h"
#include "store/settings.h"
#include "store/write_batch.h"

namespace sake::resources {

struct Row;
class Event;

/// The answer to one read.
struct Answer {
  store::Op read;
  static constexpr std::uint64_t unasked = UINT64_MAX;
  std::uint64_t asked_at = unasked;  ///< The lane's clock when the read was sent.
  bool nil = true;
  std::int64_t integer = 0;
  std::string text;                 ///< The value, or all elements one behind the other.
  std::vector<std::uint32_t> ends;  ///< Where each element of a list ends in `text`.
  std::string cursor;               ///< Of scans.
  json::Document document;          ///< Of `text`, once it was asked for.

  std::size_t size() const noexcept { return ends.size(); }
  std::string_view operator[](std::size_t i) const noexcept {
    const std::uint32_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(text).substr(begin, ends[i] - begin);
  }
  void append(std::string_view element) {
    text.append(element);
    ends.push_back(static_cast<std::uint32_t>(text.size()));
  }
};

using Slot = std::uint32_t;

/// What an event needs until it has been applied, and no longer; reused for the next one.
struct Work {
  json::Document document;  ///< Holds the event's own text when it has to wait.
  store::WriteBatch batch;
  std::vector<std::unique_ptr<Answer>> answers;
  std::size_t answers_used = 0;
  Flow flow;

  struct Child {
    enum class Where : std::uint8_t { next, last, guild, apart };
    Where where;
    std::uint64_t guild;
    Flow (*flow)(Event&);
    std::array<std::uint64_t, 4> arguments;
    std::string text = {};
  };
  std::vector<Child> children;
  std::vector<std::string> kept;  ///< Texts that must outlive the answer or document they came from.
};

/// Carries out what an event asks for; implemented by dispatch/.
class Host {
 public:
  const store::Settings* settings = nullptr;
  State* state = nullptr;
  store::Ownership* ownership = nullptr;
  FramePool frames;

  /// Milliseconds since 1970.
  virtual std::int64_t wall_clock() const noexcept = 0;
  /// Milliseconds of the time in which events happen.
  virtual std::int64_t event_clock() const noexcept = 0;
  virtual void log(LogLevel level, std::string_view message) noexcept = 0;

 protected:
  ~Host() = default;
};

/// Why an event is suspended.
enum class Wait : std::uint8_t {
  none,
  turn,     ///< For the front of its lane, and for the answers to its reads.
  settled,  ///< For the answers to everything it has sent.
};

struct ShardState;

/// Where an event stands in the engine. Kept with the event, used by dispatch/ alone.
struct Run {
  /// Told when an answer may have ended a wait or the event.
  void (*on_progress)(Event&) noexcept = nullptr;

  const Row* row = nullptr;
  ShardState* shard = nullptr;
  Work* work = nullptr;  ///< Null once the event has been applied.
  json::Value data;
  std::uint64_t sequence = 0;
  std::uint64_t number = 0;  ///< In the order of dispatch, over all shards; of a story that of its event.
  std::uint64_t epoch = 0;
  std::uint64_t lane_id = 0;
  std::uint64_t guild_id = 0;  ///< The guild of which something is missing if this fails; 0: none is known.
  void* lane = nullptr;        ///< The lane it stands in, while it does.
  Event* next = nullptr;       ///< Behind it in the lane, or in the list of free events.
  Event* parent = nullptr;
  std::array<std::uint64_t, 4> arguments{};
  std::string text;               ///< One more argument, that is no number.
  std::uint64_t channel_id = 0;   ///< Of an event of a guild that names a channel.
  std::uint32_t outstanding = 0;  ///< Commands without an answer.
  std::uint32_t children = 0;     ///< Stories it started that have not ended.
  std::uint32_t ahead = 0;        ///< Those of them that stand in front of it in its lane.
  std::uint64_t session = 0;
  std::size_t held_bytes = 0;  ///< Counted as pending while the event waits.
  Wait wait = Wait::none;
  std::uint32_t unanswered = 0;  ///< Reads among `outstanding`.
  bool has_lane = false;
  bool running = false;   ///< Its handler is on the stack.
  bool is_ahead = false;  ///< It stands in front of its parent.
  bool is_noted = false;  ///< Counted among those of its guild.
  bool is_edit = false;   ///< The host's own, or part of one; see resources/edits.h.
  bool heals = false;     ///< With it, Redis has all of its guild.
  std::string_view ignored;
  std::unique_ptr<Error> error;
  Completion completion;
};

class Event final : public redis::Requester {
 public:
  explicit Event(Host& host) noexcept : host_(host) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // --- What handlers use.

  json::Value data() const noexcept { return run.data; }
  const store::Settings& settings() const noexcept { return *host_.settings; }
  State& state() noexcept { return *host_.state; }
  store::Ownership& ownership() noexcept { return *host_.ownership; }
  Host& host() noexcept { return host_; }
  std::uint32_t shard_id() const noexcept;
  std::uint32_t shard_count() const noexcept;
  std::uint64_t argument(std::size_t i) const noexcept { return run.arguments[i]; }
  bool uses(Resource resource) const noexcept { return settings().uses(resource); }

  /// Rejects the event: `field` is missing or not what Discord documents.
  void reject(std::string_view field, std::string_view reason);
  bool rejected() const noexcept { return run.error != nullptr && run.error->code == Errc::invalid_payload; }
  /// Nothing is to be done, for this reason (a literal).
  void ignore(std::string_view reason) noexcept { run.ignored = reason; }

  /// Fields of `object`; the event is rejected when one is absent or of another type.
  std::uint64_t id(json::Value object, std::string_view key);
  json::Value object(json::Value object, std::string_view key);
  json::Value array(json::Value object, std::string_view key);
  /// The same for fields that may be missing or null.
  std::optional<std::uint64_t> optional_id(json::Value object, std::string_view key);
  json::Value optional_object(json::Value object, std::string_view key);
  json::Value optional_array(json::Value object, std::string_view key);
  /// Rejects the event unless `element` is an object.
  bool is_object(json::Value element, std::string_view key);

  store::WriteBatch& out() noexcept { return run.work->batch; }

  /// Once its writes are acknowledged, Redis holds all that there is of its guild, whatever failed before.
  void heals_guild() noexcept { run.heals = true; }

  /// Reads. The answers are there after the next wait; one for a resource that is not in use is absent and free.
  Slot get(Resource resource, std::uint64_t id) { return read(store::Action::get, resource, id); }
  Slot get_field(Resource resource, std::uint64_t guild, std::uint64_t user);
  Slot read(store::Action action, Resource resource, std::uint64_t key, std::string_view text = {});
  Slot read(store::Action action, const store::ReferenceKey& reference, std::string_view text = {});

  /// The same read once more with another cursor, in the same place. `cursor` must live until the next wait.
  void again(Slot slot, std::string_view cursor);
  /// Those asked for behind `slot` are not needed any more.
  void forget_answers_behind(Slot slot) noexcept { run.work->answers_used = slot; }

  const Answer& answer(Slot slot) const noexcept { return *run.work->answers[slot - 1]; }
  /// The stored record, indexed one level deep; missing when there is none or when it is no JSON object.
  json::Value stored(Slot slot, unsigned depth = 1);

  /// Starts another story once this one's writes are queued; this event ends after it.
  /// In the same lane, before anything else of it:
  void spawn_next(Flow (*flow)(Event&), std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                  std::uint64_t d = 0);
  /// In the same lane, behind everything that waits there:
  void spawn_last(Flow (*flow)(Event&), std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0);
  /// In the lane of a guild:
  void spawn_in(std::uint64_t guild, Flow (*flow)(Event&), std::uint64_t a = 0, std::uint64_t b = 0,
                std::uint64_t c = 0, std::string text = {});
  /// In no lane:
  void spawn_apart(Flow (*flow)(Event&), std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                   std::string text = {});

  struct Awaiter {
    Event& event;
    Wait wait;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept { event.run.wait = wait; }
    void await_resume() const noexcept {}
  };
  /// Waits until the event is at the front of its lane and its reads are answered. What was written to the batch
  /// before is only sent then, save for users.
  Awaiter turn() noexcept { return {*this, Wait::turn}; }
  /// After turn(): sends the batch and waits until Redis has answered everything and the stories of spawn_next() have
  /// ended, outside of lanes all stories. An event of which anything was refused ends there.
  Awaiter settled() noexcept { return {*this, Wait::settled}; }

  /// The event's text is no longer needed; frees it.
  void release_text() noexcept {
    run.data = {};
    run.work->document.clear();
  }

  // --- redis::Requester

  void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept override;
  void on_acknowledged() noexcept override;
  void on_failed(std::uint32_t tag, const Error& error) noexcept override;
  bool has_failed() const noexcept override { return run.error != nullptr; }

 private:
  friend FramePool& frames_of(Event& event) noexcept;
  Slot add_read(store::Op& op);
  void ask(Answer& answer);
  /// A stored value as the JSON it was made of. What the codec refuses becomes a text that is no JSON.
  void take_value(std::string& text) const;
  void take_elements(Answer& answer, const resp::Reply& reply) const;

  Host& host_;

 public:
  Run run;
};

}  // namespace sake::resources
