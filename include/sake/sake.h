#pragma once

// Everything a host of the cache needs.

#include "sake/bridge.h"
#include "sake/cache.h"
#include "sake/cache_iterator.h"
#include "sake/callback.h"
#include "sake/chunking.h"
#include "sake/connection.h"
#include "sake/entity.h"
#include "sake/error.h"
#include "sake/log.h"
#include "sake/methods.h"
#include "sake/options.h"
#include "sake/request.h"
#include "sake/resource.h"
#include "sake/result.h"
#include "sake/session.h"
#include "sake/stats.h"
#include "sake/version.h"
