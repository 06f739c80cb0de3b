#pragma once

// A JSON text that models share, and its index, which is made when it is first needed.

#include <memory>
#include <mutex>
#include <string>

#include "sake/entity.h"

#include "json/scan.h"

namespace sake::model {

class Text {
 public:
  explicit Text(Entity entity) noexcept : entity_(std::move(entity)) {}

  /// What was read; `json` is the text.
  const Entity& entity() const noexcept { return entity_; }

  /// The index of the whole text; empty where it is no JSON. May be asked for by any thread.
  const json::Document& index() const {
    std::call_once(once_, [this] {
      // What is wrong with it shows as an empty index.
      (void)document_.parse(entity_.json, json::nesting_max);
    });
    return document_;
  }

 private:
  const Entity entity_;
  mutable std::once_flag once_;
  mutable json::Document document_;
};

}  // namespace sake::model
