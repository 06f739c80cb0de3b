#include "resources/flow.h"

#include <new>

namespace sake::resources {

FramePool::~FramePool() {
  while (free_ != nullptr) ::operator delete(std::exchange(free_, free_->next));
}

void* FramePool::allocate(std::size_t bytes) {
  if (bytes > frame_bytes) return new (::operator new(sizeof(Header) + bytes)) Header{nullptr, nullptr} + 1;
  if (free_ != nullptr) {
    --kept_;
    return std::exchange(free_, free_->next) + 1;
  }
  return new (::operator new(sizeof(Header) + frame_bytes)) Header{this, nullptr} + 1;
}

void FramePool::release(void* frame) noexcept {
  Header* header = static_cast<Header*>(frame) - 1;
  FramePool* pool = header->pool;
  if (pool == nullptr || pool->kept_ == kept_max) {
    ::operator delete(header);
    return;
  }
  header->next = std::exchange(pool->free_, header);
  ++pool->kept_;
}

}  // namespace sake::resources
