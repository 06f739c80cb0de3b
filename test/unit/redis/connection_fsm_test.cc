#include "redis/connection_fsm.h"

#include <cstdint>
#include <initializer_list>
#include <random>

#include <doctest/doctest.h>

using namespace sake::redis;
using namespace std::chrono_literals;
using Action = ConnectionAction;
using Event = ConnectionEvent;
using State = ConnectionState;

namespace {

ConnectionFsm fsm_in(State state) {
  ConnectionFsm fsm(50ms, 400ms);
  if (state == State::idle) return fsm;
  if (state == State::closed) {
    fsm.on(Event::close);
    return fsm;
  }
  fsm.on(Event::start);
  if (state == State::opening) return fsm;
  if (state == State::waiting) {
    fsm.on(Event::failed);
    return fsm;
  }
  fsm.on(Event::connected);
  if (state == State::greeting) return fsm;
  fsm.on(Event::greeted);
  return fsm;
}

constexpr std::initializer_list<State> all_states = {State::idle,  State::opening, State::greeting,
                                                     State::ready, State::waiting, State::closed};
constexpr std::initializer_list<Event> all_events = {Event::start,  Event::connected, Event::greeted,
                                                     Event::failed, Event::elapsed,   Event::close};

}  // namespace

TEST_CASE("a connection opens, greets and serves") {
  ConnectionFsm fsm(50ms, 400ms);
  CHECK(fsm.state() == State::idle);
  CHECK(fsm.on(Event::start) == Action::open);
  CHECK(fsm.on(Event::connected) == Action::greet);
  CHECK(fsm.on(Event::greeted) == Action::serve);
  CHECK(fsm.state() == State::ready);
}

TEST_CASE("an attempt that fails is repeated after a doubling, bounded delay") {
  ConnectionFsm fsm = fsm_in(State::opening);
  for (const auto delay : {50ms, 100ms, 200ms, 400ms, 400ms}) {
    CHECK(fsm.on(Event::failed) == Action::retry);
    CHECK(fsm.delay(UINT32_MAX) == delay);
    CHECK(fsm.on(Event::elapsed) == Action::open);
  }
}

TEST_CASE("a server that accepts connections and fails to greet is not asked faster for it") {
  ConnectionFsm fsm = fsm_in(State::opening);
  for (const auto delay : {50ms, 100ms, 200ms, 400ms}) {
    CHECK(fsm.on(Event::connected) == Action::greet);
    CHECK(fsm.on(Event::failed) == Action::retry);
    CHECK(fsm.delay(UINT32_MAX) == delay);
    CHECK(fsm.on(Event::elapsed) == Action::open);
  }
}

TEST_CASE("a lost link is recovered, with delays that start over after a greeting") {
  ConnectionFsm fsm = fsm_in(State::opening);
  fsm.on(Event::failed);
  fsm.delay(0);
  fsm.on(Event::elapsed);
  fsm.on(Event::connected);
  fsm.on(Event::greeted);
  CHECK(fsm.on(Event::failed) == Action::recover);
  CHECK(fsm.state() == State::waiting);
  CHECK(fsm.delay(UINT32_MAX) == 50ms);
}

TEST_CASE("close ends a connection in every state, and nothing brings it back") {
  for (const State state : all_states) {
    if (state == State::closed) continue;
    ConnectionFsm fsm = fsm_in(state);
    REQUIRE(fsm.state() == state);
    CHECK(fsm.on(Event::close) == Action::end);
    for (const Event event : all_events) {
      CHECK(fsm.on(event) == Action::none);
      CHECK(fsm.state() == State::closed);
    }
  }
}

TEST_CASE("an event that does not fit the state asks for nothing and changes nothing") {
  const auto fits = [](State state, Event event) {
    switch (event) {
      case Event::start:
        return state == State::idle;
      case Event::connected:
        return state == State::opening;
      case Event::greeted:
        return state == State::greeting;
      case Event::failed:
        return state == State::opening || state == State::greeting || state == State::ready;
      case Event::elapsed:
        return state == State::waiting;
      case Event::close:
        return state != State::closed;
    }
    return false;
  };
  for (const State state : all_states) {
    for (const Event event : all_events) {
      CAPTURE(static_cast<int>(state));
      CAPTURE(static_cast<int>(event));
      ConnectionFsm fsm = fsm_in(state);
      const Action action = fsm.on(event);
      CHECK((action != Action::none) == fits(state, event));
      if (!fits(state, event)) CHECK(fsm.state() == state);
    }
  }
}

TEST_CASE("whatever happens, a connection is never ready without a greeting since it was last opened") {
  std::mt19937 random(5);
  ConnectionFsm fsm(50ms, 400ms);
  bool greeted = false;
  for (int i = 0; i < 10'000; ++i) {
    const Event event = *(all_events.begin() + random() % 5);  // All but close.
    const Action action = fsm.on(event);
    if (action == Action::serve) greeted = true;
    if (action == Action::open || action == Action::retry || action == Action::recover) greeted = false;
    REQUIRE((fsm.state() == State::ready) == greeted);
  }
}
