#include "resp/reply_reader.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include <hiredis/hiredis.h>

namespace sake::resp {
namespace {

// hiredis takes a null object for out-of-memory and stops for good. Every object function returns this address instead,
// save for what we refuse: RESP3, which we never ask for, and arrays that are nested too deep.
char token;

// hiredis 1.0 widened the count from int to size_t.
#if HIREDIS_MAJOR >= 1
using ElementCount = std::size_t;
#else
using ElementCount = int;
#endif

// hiredis moves what is left of its buffer after each 1 KB it has read, so small meals are cheaper than large ones.
constexpr std::size_t meal_bytes_max = 8 * 1024;

// Memory beyond this goes back when the reply that needed it is done.
constexpr std::size_t kept_bytes_max = 1 << 20;

ReplyReader& reader_of(const redisReadTask* task) noexcept { return *static_cast<ReplyReader*>(task->privdata); }

std::size_t depth_of(const redisReadTask& task) noexcept {
  std::size_t depth = 0;
  for (const redisReadTask* parent = task.parent; parent != nullptr; parent = parent->parent) ++depth;
  return depth;
}

}  // namespace

struct Objects {
  static void* on_string(const redisReadTask* task, char* text, std::size_t size) noexcept {
    switch (task->type) {
      case REDIS_REPLY_STATUS:
        return on_value(task, {ReplyType::status, {text, size}, 0, {}});
      case REDIS_REPLY_ERROR:
        return on_value(task, {ReplyType::error, {text, size}, 0, {}});
      case REDIS_REPLY_STRING:
        return on_value(task, {ReplyType::bulk, {text, size}, 0, {}});
      default:
        return refuse(task, "a RESP3 string");
    }
  }

  static void* on_integer(const redisReadTask* task, long long value) noexcept {
    return on_value(task, {ReplyType::integer, {}, value, {}});
  }

  static void* on_nil(const redisReadTask* task) noexcept {
    if (task->type == REDIS_REPLY_NIL) return refuse(task, "a RESP3 null");
    return on_value(task, {ReplyType::nil, {}, 0, {}});
  }

  static void* on_array(const redisReadTask* task, ElementCount count) noexcept {
    if (task->type != REDIS_REPLY_ARRAY) return refuse(task, "a RESP3 collection");
    if (!reader_of(task).begin_array(*task, static_cast<std::size_t>(count))) {
      return refuse(task, "arrays nested too deep");
    }
    return &token;
  }

#if HIREDIS_MAJOR >= 1
  static void* on_double(const redisReadTask* task, double, char*, std::size_t) noexcept {
    return refuse(task, "a RESP3 double");
  }
  static void* on_bool(const redisReadTask* task, int) noexcept { return refuse(task, "a RESP3 boolean"); }
#endif

  static void* on_value(const redisReadTask* task, const Reply& value) noexcept {
    if (task->parent == nullptr) {
      reader_of(task).deliver(value);  // At once: hiredis may move the bytes before its next answer to us.
    } else {
      reader_of(task).add(*task, value.type, value.integer, value.text);
    }
    return &token;
  }

  static void* refuse(const redisReadTask* task, const char* what) noexcept {
    reader_of(task).refusal_ = what;
    return nullptr;
  }

  static redisReplyObjectFunctions* functions() noexcept {
    static redisReplyObjectFunctions table = [] {
      redisReplyObjectFunctions functions{};
      functions.createString = on_string;
      functions.createArray = on_array;
      functions.createInteger = on_integer;
      functions.createNil = on_nil;
#if HIREDIS_MAJOR >= 1
      functions.createDouble = on_double;
      functions.createBool = on_bool;
#endif
      functions.freeObject = [](void*) noexcept {};
      return functions;
    }();
    return &table;
  }
};

void ReplyReader::FreeReader::operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }

ReplyReader::ReplyReader(ReplyHandler& handler, std::size_t reply_bytes_max)
    : handler_(handler),
      reply_bytes_max_(reply_bytes_max),
      reader_(redisReaderCreateWithFunctions(Objects::functions())) {
  if (reader_ == nullptr) std::terminate();
  reader_->privdata = this;
  reader_->maxbuf = kept_bytes_max;
}

ReplyReader::~ReplyReader() = default;

Status ReplyReader::feed(const char* data, std::size_t size) {
  const char* at = data;
  const char* const end = data + size;
  if (!error_.empty()) return die(error_);
  while (at != end && !stopped_) {
    if (between_replies()) at = take_simple(at, end);
    const std::size_t meal = std::min(static_cast<std::size_t>(end - at), meal_bytes_max);
    if (meal == 0 || stopped_) break;
    if (Status status = feed_hiredis(at, meal); !status) return status;
    at += meal;
  }
  return {};
}

// "+OK" and ":1" answer nearly every write. Reading them here costs a tenth of what hiredis takes; whatever is not
// whole, not plain or not of these two types is left to it.
const char* ReplyReader::take_simple(const char* at, const char* end) {
  constexpr std::string_view ok = "+OK\r\n";
  while (!stopped_) {
    const auto left = static_cast<std::size_t>(end - at);
    if (left >= ok.size() && std::memcmp(at, ok.data(), ok.size()) == 0) {
      deliver({ReplyType::status, ok.substr(1, 2), 0, {}});
      at += ok.size();
      continue;
    }
    if (left < 4 || *at != ':') return at;
    const char* digit = at + 1;
    const char* const digits_end = at + std::min<std::size_t>(left - 2, 19);
    std::int64_t value = 0;
    while (digit != digits_end && *digit >= '0' && *digit <= '9') value = value * 10 + (*digit++ - '0');
    if (digit == at + 1 || (at[1] == '0' && digit != at + 2) || digit[0] != '\r' || digit[1] != '\n') return at;
    deliver({ReplyType::integer, {}, value, {}});
    at = digit + 2;
  }
  return end;
}

Status ReplyReader::feed_hiredis(const char* data, std::size_t size) {
  if (redisReaderFeed(reader_.get(), data, size) != REDIS_OK) return die(reader_->errstr);
  fed_ += size;
  // Not asked when it has nothing left: it would begin a reply of no bytes, and take_simple() would be locked out.
  while (!stopped_ && reader_->pos != reader_->len) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
      return die(refusal_ != nullptr ? refusal_ : reader_->errstr);
    }
    if (reply == nullptr) break;
    if (in_array_) deliver_array();
    reply_begin_ = fed_ - (reader_->len - reader_->pos);
  }
  over_bound_ = reply_bytes() > reply_bytes_max_;
  if (over_bound_) return die("a reply larger than the bound");
  return {};
}

bool ReplyReader::between_replies() const noexcept { return reader_->pos == reader_->len && reader_->ridx < 0; }

std::size_t ReplyReader::reply_bytes() const noexcept {
  return static_cast<std::size_t>(fed_ - reply_begin_) + elements_.size() * sizeof(Element);
}

Status ReplyReader::die(std::string_view what) {
  if (error_.empty()) error_ = what;
  const std::string_view begin = over_bound_ ? "Redis sent " : "Redis sent what is no RESP2: ";
  return Error{Errc::backend_error, Cause::protocol, false, std::string(begin) + error_};
}

void ReplyReader::deliver(const Reply& reply) noexcept {
  if (!stopped_) handler_.on_reply(reply);
}

bool ReplyReader::begin_array(const redisReadTask& task, std::size_t count) {
  const std::size_t depth = depth_of(task);
  if (depth >= depth_max) return false;
  if (depth > 0) {
    add(task, ReplyType::array, static_cast<std::int64_t>(count), {});
  } else {
    in_array_ = true;
    count_ = static_cast<std::int64_t>(count);
  }
  return true;
}

void ReplyReader::add(const redisReadTask& task, ReplyType type, std::int64_t integer, std::string_view text) {
  const char* const before = texts_.data();
  const std::size_t offset = texts_.size();
  texts_.append(text);
  if (texts_.data() != before) {
    std::size_t at = 0;
    for (Element& element : elements_) {
      element.text = {texts_.data() + at, element.text.size()};
      at += element.text.size();
    }
  }
  const auto depth = static_cast<std::uint8_t>(depth_of(task) - 1);
  elements_.push_back({type, depth, integer, {texts_.data() + offset, text.size()}});
}

void ReplyReader::deliver_array() noexcept {
  in_array_ = false;
  deliver({ReplyType::array, {}, count_, elements_});
  elements_.clear();
  texts_.clear();
  if (elements_.capacity() * sizeof(Element) > kept_bytes_max) std::vector<Element>().swap(elements_);
  if (texts_.capacity() > kept_bytes_max) texts_ = base::Buffer();
}

}  // namespace sake::resp
