#pragma once

// How an image of Discord's is asked for; the functions of the models that end in `_url` take one.

#include <string_view>

namespace sake {

/// How an image is asked for.
struct ImageFormat {
  /// "png", "jpg", "webp" or "gif". Empty: gif where the image is animated, else png; for emojis webp, in which alone
  /// some of them exist. An image that does not come in the format is asked for as png.
  std::string_view extension = {};

  /// The width and height in pixels: a power of two from 16 to 4096, to which other numbers are rounded up. 0: as
  /// Discord likes.
  unsigned size = 0;
};

}  // namespace sake
