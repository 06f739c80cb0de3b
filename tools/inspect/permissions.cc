// permissions: what a member may do, and for each permission the steps by which it was given and taken.

#include "sake/permissions.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "commands.h"
#include "output.h"

namespace sake::inspect {
namespace {

constexpr unsigned bits = 64;

std::string number(Permissions permissions) { return std::to_string(permissions.value()); }

/// All that have a name, and those without one that somebody gave.
std::vector<Permissions> worth_telling(const PermissionReport& report) {
  Permissions told = Permissions::all() | report.effective;
  for (const PermissionReason& reason : report.reasons) told |= reason.gave;
  std::vector<Permissions> single;
  for (unsigned bit = 0; bit < bits; ++bit)
    if (const Permissions one(std::uint64_t{1} << bit); told.has(one)) single.push_back(one);
  return single;
}

void print_json(const Arguments& arguments, const PermissionReport& report) {
  JsonLine sums;
  sums.add("guild_id", std::to_string(arguments.guild_id));
  sums.add("user_id", std::to_string(arguments.user_id));
  if (arguments.channel_id) sums.add("channel_id", std::to_string(*arguments.channel_id));
  sums.add("base", number(report.base));
  if (report.raw) sums.add("raw", number(*report.raw));
  sums.add("effective", number(report.effective));
  sums.add_flag("is_unrestricted", report.is_unrestricted);
  sums.print();
  for (const Permissions one : worth_telling(report)) {
    JsonLine line;
    line.add("permission", describe(one));
    line.add("value", number(one));
    line.add_flag("is_allowed", report.allows(one));
    line.open_list("steps");
    for (const PermissionReason& reason : report.reasons) {
      if (!(reason.gave | reason.taken).has(one)) continue;
      line.open();
      line.add("step", reason.gave.has(one) ? "given" : "taken");
      line.add("by", name(reason.by));
      if (reason.id != 0) line.add("id", std::to_string(reason.id.value()));
      line.close();
    }
    line.close_list();
    line.print();
  }
}

void print_text(const PermissionReport& report) {
  {
    Table sums({{"field"}, {"value"}});
    sums.add({"base", number(report.base)});
    if (report.raw) sums.add({"raw", number(*report.raw)});
    sums.add({"effective", number(report.effective)});
    if (report.is_unrestricted) sums.add({"unrestricted", "yes"});
  }
  std::printf("\n");
  Table table({{"permission"}, {"allowed"}, {"why"}});
  for (const Permissions one : worth_telling(report)) {
    std::string why;
    for (const PermissionReason& reason : report.reasons) {
      if (!(reason.gave | reason.taken).has(one)) continue;
      if (!why.empty()) why += "; ";
      why += (reason.gave.has(one) ? "given: " : "taken: ") + describe(reason);
    }
    table.add({describe(one), report.allows(one) ? "yes" : "no", why.empty() ? "nothing gives it" : why});
  }
}

}  // namespace

Detached permissions(Session& session, const Arguments& arguments) {
  Request<PermissionReport> request =
      session.cache().permissions_in(arguments.guild_id, arguments.user_id, arguments.channel_id, Reasons::all);
  const Result<PermissionReport> report = co_await std::move(request);
  if (!report) {
    session.fail(report.error());
    co_return;
  }
  if (arguments.is_json) {
    print_json(arguments, *report);
  } else {
    print_text(*report);
  }
  session.end(exit_done);
}

}  // namespace sake::inspect
