#pragma once

// The least that can be called TypeDependencies: a map, and an event source for the start and the end.

#include <memory>
#include <typeindex>
#include <unordered_map>

#include "sake/adapters.h"
#include "sake/event_manager.h"

namespace sake::test {

struct Dependencies final : TypeDependencies {
  void set_type_dependency(std::type_index type, std::shared_ptr<void> value) override {
    values[type] = std::move(value);
  }
  std::shared_ptr<void> get_type_dependency(std::type_index type) const override {
    const auto found = values.find(type);
    return found == values.end() ? nullptr : found->second;
  }
  bool is_alive() const noexcept override { return runs; }
  void subscribe(LifetimeListener& listener) override { program.subscribe(listener); }

  std::unordered_map<std::type_index, std::shared_ptr<void>> values;
  EventSource program;
  bool runs = false;
};

}  // namespace sake::test
