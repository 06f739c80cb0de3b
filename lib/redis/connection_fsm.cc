#include "redis/connection_fsm.h"

namespace sake::redis {

ConnectionAction ConnectionFsm::on(ConnectionEvent event) noexcept {
  if (state_ == ConnectionState::closed) return ConnectionAction::none;
  if (event == ConnectionEvent::close) {
    state_ = ConnectionState::closed;
    return ConnectionAction::end;
  }

  switch (state_) {
    case ConnectionState::idle:
      if (event != ConnectionEvent::start) return ConnectionAction::none;
      state_ = ConnectionState::opening;
      return ConnectionAction::open;

    case ConnectionState::opening:
      if (event == ConnectionEvent::connected) {
        state_ = ConnectionState::greeting;
        return ConnectionAction::greet;
      }
      break;

    case ConnectionState::greeting:
      if (event == ConnectionEvent::greeted) {
        state_ = ConnectionState::ready;
        backoff_.reset();  // Only a finished greeting proves the server healthy; a bare connect does not.
        return ConnectionAction::serve;
      }
      break;

    case ConnectionState::ready:
      if (event != ConnectionEvent::failed) return ConnectionAction::none;
      state_ = ConnectionState::waiting;
      return ConnectionAction::recover;

    case ConnectionState::waiting:
      if (event != ConnectionEvent::elapsed) return ConnectionAction::none;
      state_ = ConnectionState::opening;
      return ConnectionAction::open;

    case ConnectionState::closed:
      break;
  }

  if (event != ConnectionEvent::failed) return ConnectionAction::none;
  state_ = ConnectionState::waiting;
  return ConnectionAction::retry;
}

}  // namespace sake::redis
