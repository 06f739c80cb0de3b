#pragma once

// The commands that go through a cache. Each ends its session.

#include "sake/request.h"

#include "arguments.h"
#include "session.h"

namespace sake::inspect {

Detached get(Session& session, const Arguments& arguments);
Detached iterate(Session& session, const Arguments& arguments);
Detached count(Session& session, const Arguments& arguments);
Detached permissions(Session& session, const Arguments& arguments);
Detached dump(Session& session, const Arguments& arguments);
Detached load(Session& session, const Arguments& arguments);
Detached watch(Session& session, const Arguments& arguments);

}  // namespace sake::inspect
