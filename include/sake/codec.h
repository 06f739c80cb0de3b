#pragma once

// Codec: what stands between the JSON of an entity and the bytes that Redis holds, such as compression or encryption.
// Only values go through it. Keys, references and the library's own keys stay as they are.

#include <string>
#include <string_view>

#include "sake/callback.h"
#include "sake/result.h"

namespace sake {

/// hikari-sake's `dumps` and `loads`. Both functions or none; without them a value is the text itself, at no cost.
/// Everybody who shares a Redis needs the same codec. They run on the cache's thread while events are applied and
/// answers are read, so they must be quick and call nothing of this library.
struct Codec {
  /// Appends to `bytes`, which is empty, what is to be stored of this JSON object. It cannot refuse. The views live for
  /// the call.
  Callback<void(std::string_view json, std::string& bytes)> encode = {};

  /// The JSON object of which `encode` made these bytes, or why they are nothing that it could have made. A value that
  /// is refused is invalid_data_found for those who read it by name; events take it for absent.
  Callback<Result<std::string>(std::string_view bytes)> decode = {};
};

}  // namespace sake
