#include "resources/event.h"

#include <utility>

#include "resources/shard_state.h"

namespace sake::resources {

FramePool& frames_of(Event& event) noexcept { return event.host_.frames; }

std::uint32_t Event::shard_id() const noexcept { return run.shard->id; }
std::uint32_t Event::shard_count() const noexcept { return run.shard->count; }

void Event::reject(std::string_view field, std::string_view reason) {
  if (run.error != nullptr) return;
  run.error = std::make_unique<Error>(
      Error{.code = Errc::invalid_payload, .text = std::string(field) + ": " + std::string(reason)});
}

std::uint64_t Event::id(json::Value object, std::string_view key) {
  const json::Value value = object[key];
  if (const auto id = value.snowflake()) return *id;
  reject(key, value.is_missing() ? "is missing" : "is not an id");
  return 0;
}

std::optional<std::uint64_t> Event::optional_id(json::Value object, std::string_view key) {
  const json::Value value = object[key];
  if (value.is_null_or_missing()) return std::nullopt;
  const auto id = value.snowflake();
  if (!id) reject(key, "is not an id");
  return id;
}

json::Value Event::object(json::Value object, std::string_view key) {
  const json::Value value = object[key];
  if (value.is_object()) return value;
  reject(key, value.is_missing() ? "is missing" : "is not an object");
  return {};
}

json::Value Event::optional_object(json::Value object, std::string_view key) {
  const json::Value value = object[key];
  if (value.is_object()) return value;
  if (!value.is_null_or_missing()) reject(key, "is not an object");
  return {};
}

json::Value Event::array(json::Value object, std::string_view key) {
  const json::Value value = object[key];
  if (value.is_array()) return value;
  reject(key, value.is_missing() ? "is missing" : "is not an array");
  return {};
}

json::Value Event::optional_array(json::Value object, std::string_view key) {
  const json::Value value = object[key];
  if (value.is_array()) return value;
  if (!value.is_null_or_missing()) reject(key, "is not an array");
  return {};
}

bool Event::is_object(json::Value element, std::string_view key) {
  if (element.is_object()) return true;
  reject(key, "holds something that is not an object");
  return false;
}

Slot Event::get_field(Resource resource, std::uint64_t guild, std::uint64_t user) {
  store::Op op{};
  op.action = store::Action::get_field;
  op.resource = resource;
  op.key = guild;
  op.member = user;
  return add_read(op);
}

Slot Event::read(store::Action action, Resource resource, std::uint64_t key, std::string_view text) {
  store::Op op{};
  op.action = action;
  op.resource = resource;
  op.key = key;
  op.text = text;
  return add_read(op);
}

Slot Event::read(store::Action action, const store::ReferenceKey& reference, std::string_view text) {
  store::Op op{};
  op.action = action;
  op.resource = reference.listed;
  op.owner = reference.owner;
  op.key = reference.id;
  op.text = text;
  return add_read(op);
}

Slot Event::add_read(store::Op& op) {
  Work& work = *run.work;
  if (work.answers_used == work.answers.size()) work.answers.push_back(std::make_unique<Answer>());
  Answer& answer = *work.answers[work.answers_used++];
  op.slot = static_cast<Slot>(work.answers_used);
  op.ordered = false;
  answer.read = op;
  ask(answer);
  return op.slot;
}

void Event::again(Slot slot, std::string_view cursor) {
  Answer& answer = *run.work->answers[slot - 1];
  answer.read.text = cursor;
  ask(answer);
}

void Event::ask(Answer& answer) {
  answer.asked_at = Answer::unasked;
  answer.nil = true;
  answer.integer = 0;
  answer.text.clear();
  answer.ends.clear();
  answer.cursor.clear();
  answer.document.clear();
  if (!uses(answer.read.resource)) return;
  run.work->batch.ops().push_back(answer.read);
  ++run.unanswered;
}

json::Value Event::stored(Slot slot, unsigned depth) {
  Answer& answer = *run.work->answers[slot - 1];
  if (answer.nil) return {};
  const Status parsed = answer.document.parse(answer.text, depth);
  const json::Value root = answer.document.root();
  if (parsed && root.is_object()) return root;
  host_.log(LogLevel::warning, "invalid_data_found: a stored " + std::string(name(answer.read.resource)) +
                                   " is no JSON object; it is treated as absent");
  return {};
}

void Event::spawn_next(Flow (*flow)(Event&), std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  run.work->children.push_back({Work::Child::Where::next, 0, flow, {a, b, c, d}});
}
void Event::spawn_last(Flow (*flow)(Event&), std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  run.work->children.push_back({Work::Child::Where::last, 0, flow, {a, b, c, 0}});
}
void Event::spawn_in(std::uint64_t guild, Flow (*flow)(Event&), std::uint64_t a, std::uint64_t b, std::uint64_t c,
                     std::string text) {
  run.work->children.push_back({Work::Child::Where::guild, guild, flow, {a, b, c, 0}, std::move(text)});
}
void Event::spawn_apart(Flow (*flow)(Event&), std::uint64_t a, std::uint64_t b, std::uint64_t c, std::string text) {
  run.work->children.push_back({Work::Child::Where::apart, 0, flow, {a, b, c, 0}, std::move(text)});
}

void Event::take_value(std::string& text) const {
  Codec* const codec = settings().codec;
  if (codec == nullptr) return;
  Result<std::string> json = codec->decode(text);
  text = json ? std::move(json).value() : std::string();
}

void Event::take_elements(Answer& answer, const resp::Reply& reply) const {
  // SCAN and its kin answer [cursor, [elements]]; everything else a flat list.
  const bool scan = reply.elements.size() > 1 && reply.elements[1].type == resp::ReplyType::array;
  const bool has_values = answer.read.action == store::Action::scan_fields && settings().codec != nullptr;
  for (std::size_t i = 0; i < reply.elements.size(); ++i) {
    const auto& element = reply.elements[i];
    if (scan && i == 0) {
      answer.cursor.assign(element.text);
    } else if (element.type == resp::ReplyType::array) {
      continue;
    } else if (has_values && answer.size() % 2 == 1) {  // HSCAN: a name, its value, the next name, ...
      std::string value(element.text);
      take_value(value);
      answer.append(value);
    } else {
      answer.append(element.text);
    }
  }
}

void Event::on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept {
  --run.outstanding;
  --run.unanswered;
  if (run.work != nullptr && tag <= run.work->answers_used) {
    Answer& answer = *run.work->answers[tag - 1];
    switch (reply.type) {
      case resp::ReplyType::nil:
        break;
      case resp::ReplyType::integer:
        answer.nil = false;
        answer.integer = reply.integer;
        break;
      case resp::ReplyType::array:
        answer.nil = false;
        take_elements(answer, reply);
        break;
      default:
        answer.nil = false;
        answer.text.assign(reply.text);
        take_value(answer.text);
    }
  }
  run.on_progress(*this);
}

void Event::on_acknowledged() noexcept {
  --run.outstanding;
  if (run.outstanding == 0) run.on_progress(*this);
}

void Event::on_failed(std::uint32_t tag, const Error& error) noexcept {
  --run.outstanding;
  if (tag != 0) --run.unanswered;
  if (run.error == nullptr) run.error = std::make_unique<Error>(error);
  run.on_progress(*this);
}

}  // namespace sake::resources
