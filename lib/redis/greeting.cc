#include "redis/greeting.h"

#include <utility>

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
  if (answered_ == step_count_) {
    refuse(Cause::protocol, "Redis sent a reply that nothing asked for");
    return Progress::failed;
  }
  if (!accepts(steps_[answered_++], reply)) return Progress::failed;
  if (answered_ < step_count_) return Progress::waiting;
  if (!std::exchange(predecessor_lives_, false)) return Progress::done;
  resp::CommandWriter(out).begin(4).arg("CLIENT").arg("KILL").arg("ID").arg(plan_.predecessor_id);
  expect(Step::kill_predecessor);
  return Progress::send;
}

bool Greeting::accepts(Step step, const resp::Reply& reply) {
  const bool is_error = reply.type == resp::ReplyType::error;
  const std::string_view words = server_words(reply.text);
  switch (step) {
    case Step::auth:
      if (!is_error) return true;
      // A server without a password says ERR; one without room says so in answer to whatever comes first.
      if (is_refused_login(words) || words.find("AUTH") != words.npos || words.find("password") != words.npos) {
        return refuse(Cause::auth, std::string(words));
      }
      return refuse(Cause::server, std::string(words));

    case Step::select_other:
      return !is_error || refuse_select(plan_.other_database, words);
    case Step::select:
      return !is_error || refuse_select(plan_.database, words);

    case Step::ping:
      if (is_error && is_unavailable(words)) return refuse(Cause::server, std::string(words));
      return true;

    case Step::id:
      if (reply.type == resp::ReplyType::integer) client_id_ = reply.integer;
      return true;

    case Step::find_predecessor:
      // Ids begin anew when the server does, so the name must be ours too.
      predecessor_lives_ =
          reply.type == resp::ReplyType::bulk && reply.text.find(" name=" + plan_.name + " ") != reply.text.npos;
      return true;

    case Step::set_name:
    case Step::kill_predecessor:
      return true;
  }
  return true;
}

bool Greeting::refuse(Cause cause, std::string text) {
  error_ = {Errc::backend_error, cause, false, std::move(text)};
  return false;
}

bool Greeting::refuse_select(int selected, std::string_view words) {
  if (is_refused_login(words)) return refuse(Cause::auth, std::string(words));
  if (words.find("out of range") != words.npos) {
    return refuse(Cause::server, "Redis has no database " + std::to_string(selected) +
                                     ": raise `databases` in redis.conf (" + std::string(words) + ")");
  }
  if (words.find("cluster") != words.npos) {
    return refuse(Cause::server, "Redis Cluster has only database 0 and cannot be used (" + std::string(words) + ")");
  }
  return refuse(Cause::server,
                std::string(words));  // "ERR max number of clients reached", in answer to whatever is first.
}

}  // namespace sake::redis
