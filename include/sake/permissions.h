#pragma once
#include <cstdint>
namespace sake {
class Permissions {
 public:
  constexpr Permissions() noexcept = default;
  constexpr explicit Permissions(std::uint64_t bits) noexcept : bits_(bits) {}
  constexpr std::uint64_t value() const noexcept { return bits_; }

 private:
  std::uint64_t bits_ = 0;
};
}  // namespace sake
