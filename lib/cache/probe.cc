#include "cache/probe.h"

#include "cache/own_key.h"
#include "store/keys.h"

namespace sake::cache {
namespace {

using redis::Section;

constexpr std::uint32_t own_user_tag = 1000;

}  // namespace

Probe::Probe(redis::Pipeline& references, std::vector<redis::Pipeline*> databases, redis::Pipeline* users, LogSink& log,
             Callback<void(Status)> on_done)
    : references_(references),
      databases_(std::move(databases)),
      users_(users),
      log_(log),
      on_done_(std::move(on_done)),
      key_(own_key("probe")) {}

void Probe::start() {
  ++outstanding_;
  // It goes away by itself should this process not come to it.
  references_.begin(Section::records).begin(5).arg("SET").arg(key_).arg("1").arg("PX").arg(30'000);
  references_.end(Section::records, this);
}

void Probe::look() {
  stage_ = Stage::looking;
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    ++outstanding_;
    databases_[i]->begin(Section::records).begin(2).arg("GET").arg(key_);
    databases_[i]->end(Section::records, this, static_cast<std::uint32_t>(i + 1));
  }
  if (users_ != nullptr) {
    ++outstanding_;
    users_->begin(Section::records).begin(2).arg("GET").arg(store::own_user_key);
    users_->end(Section::records, this, own_user_tag);
  }
}

void Probe::on_acknowledged() noexcept { answered(); }

void Probe::on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept {
  if (reply.type == resp::ReplyType::bulk) {
    if (tag == own_user_tag) {
      own_user_.assign(reply.text);
    } else {
      found_ = Error{.code = Errc::backend_error,
                     .cause = Cause::server,
                     .text = "the server accepts SELECT and ignores it: what was written to database 9 is found in " +
                             std::to_string(databases_[tag - 1]->database()) +
                             " too. Each resource needs a database of its own; use a Redis that has them"};
    }
  }
  answered();
}

void Probe::on_failed(std::uint32_t, const Error& error) noexcept {
  if (error.code == Errc::closed_client) return;
  if (log_) log_(LogLevel::warning, "the probe of the databases is not permitted: " + describe(error));
  answered();
}

void Probe::answered() {
  if (--outstanding_ > 0) return;
  switch (stage_) {
    case Stage::writing:
      look();
      return;
    case Stage::looking:
      clean();
      return;
    case Stage::cleaning: {
      auto done = std::move(on_done_);
      if (done) done(std::move(found_));
    }
  }
}

/// Only when everybody has looked: on another connection it would overtake them.
void Probe::clean() {
  stage_ = Stage::cleaning;
  ++outstanding_;
  references_.begin(Section::records).begin(2).arg("DEL").arg(key_);
  references_.end(Section::records, this);
}

}  // namespace sake::cache
