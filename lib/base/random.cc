#include "base/random.h"

#include <sys/random.h>

namespace sake::base {

std::uint64_t random_number() noexcept {
  std::uint64_t number = 0;
  return getrandom(&number, sizeof number, GRND_NONBLOCK) < 0 ? 0 : number;
}

}  // namespace sake::base
