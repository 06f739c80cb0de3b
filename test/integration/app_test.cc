// Options::app: who is asked for the own user when Redis does not have it, how often, and what becomes of the answer.

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/cache_fixture.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using Answer = Result<std::string>;

const char* const me = R"({"id":"7","username":"seven"})";

/// Answers as it is told to, at once or when the test says so.
struct TestApp final : App {
  void fetch_my_user(Callback<void(Answer)> then) override {
    ++questions;
    if (answers_with) {
      then(*answers_with);
    } else if (keeps) {
      waiting.push_back(std::move(then));
    }
  }
  void answer(Answer answer) { std::exchange(waiting, {}).at(0)(std::move(answer)); }

  int questions = 0;
  bool keeps = true;  ///< Otherwise a question is dropped.
  std::optional<Answer> answers_with;
  std::vector<Callback<void(Answer)>> waiting;
};

struct AppFixture {
  explicit AppFixture(Options options = {}) : fixture(with(std::move(options))) { fixture.open(); }

  Options with(Options options) {
    options.app = app;
    return options;
  }

  struct Told {
    std::optional<Result<Entity>> answer;
  };
  std::shared_ptr<Told> get_me() {
    auto told = std::make_shared<Told>();
    fixture.cache().get(EntityKey::me()).then([this, told](Result<Entity> answer) {
      told->answer.emplace(std::move(answer));
      uv_stop(fixture.loop.get());
    });
    return told;
  }
  const Result<Entity>& wait(const std::shared_ptr<Told>& told) {
    fixture.loop.run_until([&] { return told->answer.has_value(); });
    return *told->answer;
  }
  bool has_logged(const std::string& text) {
    return std::ranges::any_of(fixture.logged,
                               [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  /// Whether a reaction of user 7 is taken for our own.
  bool knows_own_id() {
    Json d{{"id", "900"}, {"channel_id", "21"}, {"author", {{"id", "5"}, {"username", "five"}}}};
    fixture.apply("MESSAGE_CREATE", d);
    fixture.apply("MESSAGE_REACTION_ADD",
                  {{"user_id", "7"}, {"channel_id", "21"}, {"message_id", "900"}, {"emoji", {{"name", "x"}}}});
    return fixture.json_at(10, "900")["reactions"].at(0)["me"] == true;
  }

  std::shared_ptr<TestApp> app = std::make_shared<TestApp>();
  CacheFixture fixture;
};

TEST_CASE("an own user that is not stored is asked for once, told to all that wait, and stored") {
  AppFixture test;
  const auto first = test.get_me();
  const auto second = test.get_me();
  test.fixture.loop.run_until([&] { return test.app->questions > 0; });
  const auto third = test.get_me();
  test.fixture.run_until_answered();
  test.app->answer(std::string(me));
  for (const auto& told : {first, second, third}) {
    const Result<Entity>& answer = test.wait(told);
    REQUIRE(answer);
    CHECK(Json::parse(answer->json) == Json::parse(me));
    CHECK(answer->code == "ME");
  }
  CHECK(test.app->questions == 1);
  CHECK(test.fixture.json_at(7, "ME") == Json::parse(me));
  CHECK(test.fixture.exists(7, "7"));
  CHECK(test.wait(test.get_me()));
  CHECK(test.app->questions == 1);
  CHECK(test.knows_own_id());
  CHECK(test.wait(test.get_me()));
}

TEST_CASE("whatever is read carries the app") {
  AppFixture test;
  test.fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "61"}}}});
  Cache& cache = test.fixture.cache();
  CHECK(answer(test.fixture, cache.get_role(61))->app() == test.app);
  CHECK(answer(test.fixture, cache.get_many(Resource::role, {61}))->at(0)->app == test.app);
  CHECK(answer(test.fixture, cache.iter_roles().collect())->at(0).app() == test.app);
  test.app->answers_with = std::string(me);
  CHECK(test.wait(test.get_me())->app == test.app);
  CHECK(test.wait(test.get_me())->app == test.app);
  CHECK(test.app->questions == 1);
}

TEST_CASE("what READY brings while the app is asked is the answer, and that of the app counts nothing") {
  AppFixture test;
  const auto told = test.get_me();
  test.fixture.loop.run_until([&] { return test.app->questions > 0; });
  const Json ready{{"id", "8"}, {"username", "eight"}};
  test.fixture.apply("READY", {{"user", ready}, {"session_id", "s"}, {"guilds", Json::array()}});
  const Result<Entity>& answer = test.wait(told);
  REQUIRE(answer);
  CHECK(Json::parse(answer->json) == ready);
  test.app->answer(std::string(me));
  test.fixture.flush();
  CHECK(test.fixture.json_at(7, "ME") == ready);
  CHECK_FALSE(test.fixture.exists(7, "7"));
  CHECK(Json::parse(test.wait(test.get_me())->json) == ready);
}

TEST_CASE("nobody is asked for an own user that is stored, and without an app there is none") {
  AppFixture test;
  test.fixture.apply("READY", {{"user", Json::parse(me)}, {"session_id", "s"}, {"guilds", Json::array()}});
  CHECK(test.wait(test.get_me()));
  CHECK(test.app->questions == 0);
  CacheFixture without;
  const auto missing = answer(without, without.cache().get(EntityKey::me()));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::entry_not_found);
}

TEST_CASE("a failure is told to all that wait, and the next caller tries again") {
  AppFixture test;
  const auto first = test.get_me();
  const auto second = test.get_me();
  test.fixture.loop.run_until([&] { return test.app->questions > 0; });
  test.app->answer(Error{.code = Errc::backend_error, .text = "no network"});
  for (const auto& told : {first, second}) {
    REQUIRE_FALSE(test.wait(told));
    CHECK(test.wait(told).error().text == "no network");
  }
  CHECK(test.app->questions == 1);

  test.app->answers_with = std::string("[]");  // From inside of the question.
  Result<Entity> answer = test.wait(test.get_me());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Errc::invalid_payload);
  CHECK(test.app->questions == 2);

  test.app->answers_with.reset();
  test.app->keeps = false;
  answer = test.wait(test.get_me());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Errc::backend_error);
  CHECK(test.app->questions == 3);

  test.app->answers_with = std::string(me);
  CHECK(test.wait(test.get_me()));
  CHECK(test.app->questions == 4);
}

TEST_CASE("an app that does not answer is given up after read_timeout, and its late answer is dropped") {
  AppFixture test({.read_timeout = std::chrono::milliseconds(300)});
  Result<Entity> answer = test.wait(test.get_me());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Errc::backend_error);
  CHECK(answer.error().cause == Cause::timed_out);
  test.app->answer(std::string(me));
  test.fixture.flush();
  CHECK_FALSE(test.fixture.exists(7, "ME"));
  test.app->answers_with = std::string(me);
  CHECK(test.wait(test.get_me()));
}

TEST_CASE("close ends the wait, and what the app answers then reaches nobody") {
  AppFixture test;
  const auto told = test.get_me();
  test.fixture.loop.run_until([&] { return test.app->questions > 0; });
  test.fixture.close();
  REQUIRE(told->answer.has_value());
  REQUIRE_FALSE(*told->answer);
  CHECK(told->answer->error().code == Errc::closed_client);
  test.app->answer(std::string(me));
}

TEST_CASE("so many wait for an own user, and no more") {
  AppFixture test;
  std::vector<std::shared_ptr<AppFixture::Told>> all;
  for (int i = 0; i < 1026; ++i) all.push_back(test.get_me());
  const auto refused = [&] {
    return std::ranges::count_if(all, [](const auto& told) {
      return told->answer && !*told->answer && told->answer->error().code == Errc::over_capacity;
    });
  };
  test.fixture.loop.run_until([&] { return refused() == 2; });
  test.app->answer(std::string(me));
  test.fixture.loop.run_until(
      [&] { return std::ranges::all_of(all, [](const auto& told) { return told->answer.has_value(); }); });
  CHECK(refused() == 2);
  CHECK(test.app->questions == 1);
}

TEST_CASE("a shard that resumes without an own id asks the app for it, with or without users in the cache") {
  for (const bool keeps_users : {true, false}) {
    CAPTURE(keeps_users);
    Options options;
    if (!keeps_users) options.resources = {Resource::message};
    AppFixture test(std::move(options));
    CHECK_FALSE(test.knows_own_id());
    test.app->answers_with = Error{.code = Errc::backend_error, .text = "no network"};
    test.fixture.apply("RESUMED", Json::object());
    test.fixture.loop.run_until([&] { return test.has_logged("the own id is unknown: backend_error: no network"); });
    test.app->answers_with = std::string(me);
    test.fixture.apply("RESUMED", Json::object());
    test.fixture.loop.run_until([&] { return test.app->questions == 2; });
    test.fixture.flush();
    CHECK(test.knows_own_id());
    CHECK(test.fixture.exists(7, "ME") == keeps_users);
    test.fixture.apply("RESUMED", Json::object());
    test.fixture.flush();
    CHECK(test.app->questions == 2);
  }
}

}  // namespace
}  // namespace sake::test
