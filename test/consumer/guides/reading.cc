#include <sake/sake.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <uv.h>

void with_callbacks(sake::Cache& cache) {
  cache.get_user(5).then([](sake::Result<sake::User> user) {
    if (user) {
      std::puts(user->display_name().value_or("?").c_str());
    } else if (user.error().code == sake::Errc::entry_not_found) {
      std::puts(user.error().is_absent ? "there is none" : "not cached: ask Discord");
    } else {
      std::puts(sake::describe(user.error()).c_str());
    }
  });
}

sake::Detached with_coroutines(sake::Cache& cache) {
  sake::Result<sake::Role> role = co_await cache.get_role(43, 42);
  if (role) std::puts(role->name().value_or("").c_str());
}

sake::Detached write(sake::Cache& cache) {
  using namespace std::chrono_literals;
  sake::Status set = co_await cache.set_user(R"({"id":"5","username":"five"})", 10min);
  if (!set) std::puts(sake::describe(set.error()).c_str());
  const std::vector<std::uint64_t> ids{5, 6};  // g++ 12 takes no {5, 6} inside of a co_await.
  auto users = co_await cache.get_many(sake::Resource::user, ids);
  if (users && (*users)[0] && !(*users)[1]) std::puts("the first of two");
  if (co_await cache.delete_user(5)) std::puts("deleted");
}

sake::Detached walk(sake::Cache& cache) {
  sake::CacheIterator<sake::Role> roles = cache.iter_roles_for_guild(42);
  sake::Result<std::size_t> count = co_await roles.len();
  if (count) std::printf("%zu roles\n", *count);
  for (;;) {
    sake::Result<std::optional<sake::Role>> role = co_await roles.next();
    if (!role || !role->has_value()) break;  // An error ends the walk, as does its end.
    std::puts(std::string((*role)->json()).c_str());
  }
}

void walk_with_callbacks(sake::Cache& cache) {
  cache.iter_members_for_guild(42, 100).for_each([](sake::Member& member) { return member.user().id() != 5; }).then();
  cache.iter_users().collect(10).then([](sake::Result<std::vector<sake::User>> users) {
    if (users) std::printf("%zu users\n", users->size());
  });
}

void may_post(sake::Cache& cache) {
  constexpr sake::Permissions wanted = sake::Permission::send_messages | sake::Permission::attach_files;
  cache.permissions_in(42, 5, 44).then([wanted](sake::Result<sake::PermissionReport> report) {
    if (!report) {
      std::puts(sake::describe(report.error()).c_str());  // What is missing: not known is not "no".
    } else if (report->allows(wanted)) {
      std::puts("may post");
    }
  });
}

int main(int argc, char** argv) {
  std::unique_ptr<sake::Cache> cache;
  auto opened = sake::Cache::open(
      uv_default_loop(), {.address = argc > 1 ? argv[1] : "redis://127.0.0.1:6379", .intents = sake::Intents::guilds},
      [&](sake::Status status) {
        if (!status) {
          std::puts(sake::describe(status.error()).c_str());
          return cache->close();
        }
        with_callbacks(*cache);
        with_coroutines(*cache);
        walk(*cache);
        walk_with_callbacks(*cache);
        may_post(*cache);
        write(*cache);
        cache->set_role(42, R"({"id":"43","name":"crew"})").then([&](sake::Status) { cache->close(); });
      });
  if (!opened) return std::puts(sake::describe(opened.error()).c_str()), 2;
  cache = std::move(opened).value();
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  cache.reset();
  return uv_loop_close(uv_default_loop()) == 0 ? 0 : 1;
}
