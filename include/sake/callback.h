#pragma once

// Callback<void(Args...)>: what every asynchronous operation of this library ends with, and what it asks its host by.
// Move-only; the end of an operation is called at most once by convention. Captures of up to 48 bytes live inside it,
// larger ones on the heap. A callback that throws ends the program: it is called from C code, through which nothing may
// be thrown.

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace sake {

template <typename Signature>
class Callback;

/// A function that is moved and not copied, called any number of times; small ones need no memory of their own.
template <typename Return, typename... Args>
class Callback<Return(Args...)> {
 public:
  Callback() noexcept = default;
  /// Empty.
  Callback(std::nullptr_t) noexcept {}

  /// Keeps what it is given. It must not throw when it is called.
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Callback> &&
           std::is_invocable_r_v<Return, std::decay_t<F>&, Args...>) Callback(F&& function) {
    using Function = std::decay_t<F>;
    if constexpr (fits_inline<Function>) {
      new (storage_) Function(std::forward<F>(function));
      table_ = &inline_table<Function>;
    } else {
      new (storage_) Function*(new Function(std::forward<F>(function)));
      table_ = &heap_table<Function>;
    }
  }

  Callback(Callback&& other) noexcept { take(other); }
  Callback& operator=(Callback&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  ~Callback() { reset(); }

  explicit operator bool() const noexcept { return table_ != nullptr; }

  /// REQUIRES: not empty.
  Return operator()(Args... args) noexcept { return table_->call(storage_, std::forward<Args>(args)...); }

  /// Empties it, which destroys what it holds.
  void reset() noexcept {
    if (table_ != nullptr) std::exchange(table_, nullptr)->destroy(storage_);
  }

 private:
  static constexpr std::size_t inline_bytes = 48;

  struct Table {
    Return (*call)(void* storage, Args&&... args) noexcept;
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void* storage) noexcept;
  };

  template <typename Function>
  static constexpr bool fits_inline =
      sizeof(Function) <= inline_bytes &&
      alignof(Function) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<Function>;

  template <typename Function>
  static constexpr Table inline_table{[](void* storage, Args&&... args) noexcept {
                                        return Return((*static_cast<Function*>(storage))(std::forward<Args>(args)...));
                                      },
                                      [](void* from, void* to) noexcept {
                                        new (to) Function(std::move(*static_cast<Function*>(from)));
                                        static_cast<Function*>(from)->~Function();
                                      },
                                      [](void* storage) noexcept { static_cast<Function*>(storage)->~Function(); }};

  template <typename Function>
  static constexpr Table heap_table{
      [](void* storage, Args&&... args) noexcept {
        return Return((**static_cast<Function**>(storage))(std::forward<Args>(args)...));
      },
      [](void* from, void* to) noexcept { new (to) Function*(*static_cast<Function**>(from)); },
      [](void* storage) noexcept { delete *static_cast<Function**>(storage); }};

  void take(Callback& other) noexcept {
    table_ = std::exchange(other.table_, nullptr);
    if (table_ != nullptr) table_->move(other.storage_, storage_);
  }

  const Table* table_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[inline_bytes];
};

}  // namespace sake
