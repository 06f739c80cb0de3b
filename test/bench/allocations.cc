#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace sake::bench {
namespace {

std::atomic<std::uint64_t> made{0};

void* count_and_allocate(std::size_t size) {
  made.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void* count_and_allocate(std::size_t size, std::align_val_t alignment) {
  made.fetch_add(1, std::memory_order_relaxed);
  const auto step = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (size + step - 1) / step * step)) return memory;
  throw std::bad_alloc();
}

}  // namespace

std::uint64_t allocations() noexcept { return made.load(std::memory_order_relaxed); }

}  // namespace sake::bench

// The forms for arrays and those that do not throw end in these.
void* operator new(std::size_t size) { return sake::bench::count_and_allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return sake::bench::count_and_allocate(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
