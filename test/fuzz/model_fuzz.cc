// The typed models on any text: whatever the cache finds stored, each model reads all of it, and what is no object in
// JSON shows as nothing but missing and invalid.

#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "support/visit_models.h"

using namespace sake;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const JsonView view(text);
  SAKE_FUZZ_CHECK(test::visit_as_each(view) > 0);
  // As it was read from the cache: nobody has looked at the text before.
  const Message stored(JsonView(Entity{.resource = Resource::message, .id = 1, .json = text}));
  SAKE_FUZZ_CHECK(stored.json() == text);
  if (view.kind() == JsonView::Kind::object && !view.is_invalid()) {
    SAKE_FUZZ_CHECK(stored.id().given() == Message(view).id().given());
    for (const auto& [key, member] : view.as_map().entries()) SAKE_FUZZ_CHECK(!view[key].is_missing());
  } else {
    SAKE_FUZZ_CHECK(!stored.id().has_value() && stored.embeds().empty());
  }
  return 0;
}
