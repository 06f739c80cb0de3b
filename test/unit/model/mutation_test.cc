// Payloads that are a little wrong, read through their models: nothing breaks, a field of another type is invalid and
// says so, and everything else reads as another reader of JSON sees it.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/field_comparison.h"
#include "support/gateway_log.h"
#include "support/json_mutations.h"
#include "support/random.h"
#include "support/visit_models.h"

using namespace sake;
using nlohmann::json;
using test::Random;

namespace {

/// What mutations came to, by their kind.
struct Tally {
  std::uint64_t texts = 0;
  std::uint64_t fields = 0;
  std::map<std::string_view, std::uint64_t> invalid;
};

void check(std::string_view model, const test::Mutation& mutation, Tally& tally) {
  test::Comparison comparison;
  if (mutation.is_json)
    test::compare_text(model, mutation.text, comparison);
  else
    test::compare(model, JsonView(mutation.text), json::array(), comparison);
  for (const std::string& difference : comparison.differences)
    FAIL_CHECK(mutation.kind << ": " << difference << " in " << mutation.text.substr(0, 2000));
  ++tally.texts;
  tally.fields += comparison.fields;
  tally.invalid[mutation.kind] += comparison.invalid.size();
}

void check_mutations(std::string_view model, const std::string& text, Random& random, Tally& tally) {
  for (const test::Mutation& mutation : test::mutations(text, random)) check(model, mutation, tally);
}

void check(const Tally& tally) {
  for (const auto& [kind, invalid] : tally.invalid)
    if (kind == "a field twice, the wrong one first")
      CHECK(invalid == 0);
    else if (kind != "a field removed")
      CHECK_MESSAGE(invalid > 10, kind);
  MESSAGE(tally.texts << " texts, " << tally.fields << " fields");
}

}  // namespace

TEST_CASE("each field of each model reads what a payload with all of them says") {
  Random random(1);
  std::uint64_t values = 0;
  std::set<std::string> models;
  for (const std::string_view model : test::model_names()) {
    for (int round = 0; round < 3; ++round) {
      test::Comparison comparison;
      test::compare_text(model, test::example_of(model, 3, random), comparison);
      for (const std::string& difference : comparison.differences) FAIL_CHECK(difference);
      for (const std::string& path : comparison.invalid) FAIL_CHECK(path << " is not as documented");
      CHECK(comparison.unknown.empty());
      CHECK(comparison.models.contains(std::string(model)));
      values += comparison.values;
    }
  }
  MESSAGE(values << " values");
  CHECK(values > 15'000);
}

TEST_CASE("whatever is wrong with a payload, all but the wrong fields read as before") {
  Random random(2);
  Tally tally;
  for (const std::string_view model : test::model_names())
    for (int round = 0; round < 2; ++round) check_mutations(model, test::example_of(model, 2, random), random, tally);
  check(tally);
}

TEST_CASE("whatever is wrong with a generated payload, all but the wrong fields read as before") {
  constexpr std::size_t bytes_max = 12'000;
  constexpr std::uint64_t of_each_max = 3;
  Random random(3);
  Tally tally;
  std::map<std::string_view, std::uint64_t> seen;
  test::GatewayLog log({.seed = 7, .guilds = 3, .members = 6, .frames = 900, .quirks = false});
  for (std::string frame; log.next(frame);) {
    const json expected = json::parse(frame);
    if (expected.at("op") != 0) continue;
    for (const test::EventPart& part : test::event_parts()) {
      if (part.event != expected.at("t")) continue;
      for (const auto& [view, value] : test::parts(JsonView(frame)["d"], expected.at("d"), part.pointer)) {
        const std::string text(view.json());
        if (value.empty() || text.size() > bytes_max || seen[part.event]++ >= of_each_max) continue;
        check_mutations(part.model, text, random, tally);
      }
    }
  }
  CHECK(seen.size() >= 40);
  check(tally);
}

TEST_CASE("any payload can be viewed as any model") {
  Random random(4);
  std::uint64_t values = 0;
  for (const std::string_view model : test::model_names())
    values += test::visit_as_each(JsonView(test::example_of(model, 2, random)));
  for (const std::string_view text : {"", "{}", "[]", "[{}]", "null", "7", "{\"id\":{}}"})
    values += test::visit_as_each(JsonView(std::string(text)));
  CHECK(values > 100'000);
}
