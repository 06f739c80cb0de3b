#include "redis/greeting.h"

#include <utility>

#include "sake/resource.h"

#include "redis/server_error.h"
#include "resp/command_writer.h"

namespace sake::redis {

void Greeting::begin(GreetingPlan plan, base::Buffer& out) {
  *this = Greeting();
  plan_ = std::move(plan);
  resp::CommandWriter commands(out);
  if (!plan_.user.empty()) {
    commands.begin(3).arg("AUTH").arg(plan_.user).arg(plan_.password);
    expect(Step::auth);
  } else if (!plan_.password.empty()) {
    commands.begin(2).arg("AUTH").arg(plan_.password);
    expect(Step::auth);
  }
  if (plan_.other_database >= 0) {
    commands.begin(2).arg("SELECT").arg(plan_.other_database);
    expect(Step::select_other);
  }
  commands.begin(2).arg("SELECT").arg(plan_.database);
  expect(Step::select);
  // AUTH and SELECT work while the server loads its data, everything else fails: PING shows it.
  commands.begin(1).arg("PING");
  expect(Step::ping);
  if (plan_.writes) {
    // A key that is never there: only whether the server takes a write matters.
    commands.begin(2).arg("DEL").arg("sake:none");
    expect(Step::write);
  }
  commands.begin(3).arg("CLIENT").arg("SETNAME").arg(plan_.name);
  expect(Step::set_name);
  commands.begin(2).arg("CLIENT").arg("ID");
  expect(Step::id);
  if (plan_.predecessor_id >= 0) {
    commands.begin(4).arg("CLIENT").arg("LIST").arg("ID").arg(plan_.predecessor_id);
    expect(Step::find_predecessor);
  }
}

Greeting::Progress Greeting::on_reply(const resp::Reply& reply, base::Buffer& out) {
  if (answered_ == step_count_) return refuse(Cause::protocol, "Redis sent a reply that nothing asked for");
  const Progress progress = judge(steps_[answered_++], reply);
  if (progress != Progress::waiting || answered_ < step_count_) return progress;
  if (!std::exchange(predecessor_lives_, false)) return Progress::done;
  resp::CommandWriter(out).begin(4).arg("CLIENT").arg("KILL").arg("ID").arg(plan_.predecessor_id);
  expect(Step::kill_predecessor);
  return Progress::send;
}

Greeting::Progress Greeting::judge(Step step, const resp::Reply& reply) {
  const bool is_error = reply.type == resp::ReplyType::error;
  const std::string_view words = server_words(reply.text);
  // A server without room says so in answer to whatever comes first.
  if (is_error && words.find("max number of clients") != words.npos) return fail(Cause::server, words);
  // Whatever else came in front of these answers would shift them all.
  if (!is_error && !fits(step, reply)) return fail(Cause::protocol, "Redis answers what it was not asked");
  switch (step) {
    case Step::auth:
      if (!is_error) return Progress::waiting;
      // A server without a password says ERR.
      if (is_refused_login(words) || words.find("AUTH") != words.npos || words.find("password") != words.npos) {
        return refuse(Cause::auth, std::string(words));
      }
      return is_unavailable(words) ? fail(Cause::server, words) : refuse(Cause::server, std::string(words));

    case Step::select_other:
      return is_error ? refuse_select(plan_.other_database, words) : Progress::waiting;
    case Step::select:
      return is_error ? refuse_select(plan_.database, words) : Progress::waiting;

    case Step::ping:
      return is_error && is_unavailable(words) ? fail(Cause::server, words) : Progress::waiting;

    case Step::write:
      // Whatever else it may say, it says to the commands as well, and there each of them is accounted for.
      return is_error && is_read_only(words) ? fail(Cause::server, words) : Progress::waiting;

    case Step::id:
      if (!is_error) client_id_ = reply.integer;
      return Progress::waiting;

    case Step::find_predecessor:
      // Ids begin anew when the server does, so the name must be ours too.
      predecessor_lives_ = !is_error && reply.text.find(" name=" + plan_.name + " ") != reply.text.npos;
      return Progress::waiting;

    case Step::set_name:
    case Step::kill_predecessor:
      return Progress::waiting;
  }
  return Progress::waiting;
}

/// Whether the reply, which is no error, can be the answer.
bool Greeting::fits(Step step, const resp::Reply& reply) noexcept {
  switch (step) {
    case Step::auth:
    case Step::select_other:
    case Step::select:
    case Step::set_name:
      return reply.type == resp::ReplyType::status && reply.text == "OK";
    case Step::ping:
      return reply.type == resp::ReplyType::status && reply.text == "PONG";
    case Step::write:
    case Step::id:
    case Step::kill_predecessor:
      return reply.type == resp::ReplyType::integer;
    case Step::find_predecessor:
      return reply.type == resp::ReplyType::bulk;
  }
  return false;
}

Greeting::Progress Greeting::refuse(Cause cause, std::string text) {
  error_ = {Errc::backend_error, cause, false, std::move(text)};
  return Progress::refused;
}

Greeting::Progress Greeting::fail(Cause cause, std::string_view words) {
  error_ = {Errc::backend_error, cause, false, std::string(words)};
  return Progress::failed;
}

Greeting::Progress Greeting::refuse_select(int selected, std::string_view words) {
  if (is_unavailable(words)) return fail(Cause::server, words);
  if (is_refused_login(words)) return refuse(Cause::auth, std::string(words));
  if (words.find("out of range") != words.npos) {
    const std::string whose = selected == reference_index ? ", that of the references" : "";
    return refuse(Cause::server, "Redis has no database " + std::to_string(selected) + whose +
                                     ": raise `databases` in redis.conf (" + std::string(words) + ")");
  }
  if (words.find("cluster") != words.npos) {
    return refuse(Cause::server, "Redis Cluster has only database 0 and cannot be used (" + std::string(words) + ")");
  }
  return refuse(Cause::server, std::string(words));
}

}  // namespace sake::redis
