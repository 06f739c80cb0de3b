#pragma once

// JSON texts that are a little wrong: what a cache finds where somebody else has written to it.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/random.h"

namespace sake::test {

struct Mutation {
  std::string_view kind;
  std::string text;
  bool is_json;  ///< Whether it is still JSON, at most 64 levels deep and in UTF-8.
};

/// Every place of a value inside of `json`.
inline void places(nlohmann::json& json, std::vector<nlohmann::json*>& found) {
  if (!json.is_structured()) return;
  for (nlohmann::json& part : json) {
    found.push_back(&part);
    places(part, found);
  }
}

/// One of each kind, from an object that is not empty.
inline std::vector<Mutation> mutations(const std::string& text, Random& random) {
  using nlohmann::json;
  static const std::vector<json> others{nullptr,
                                        true,
                                        false,
                                        0,
                                        -1,
                                        7,
                                        1.5,
                                        18446744073709551615u,
                                        "",
                                        "x",
                                        "12",
                                        "-3",
                                        "12345678901234567890123",
                                        "null",
                                        json::array(),
                                        json::object(),
                                        json::array({nullptr}),
                                        json::array({1, "2", json::object()}),
                                        json{{"id", 5}},
                                        json{{"user", {{"id", "x"}}}}};
  std::vector<Mutation> all;
  const auto with_another = [&](auto&& change) {
    json copy = json::parse(text);
    std::vector<json*> found;
    places(copy, found);
    change(*found[random.below(found.size())], copy);
    return copy.dump();
  };

  all.push_back({"another type", with_another([&](json& at, json&) { at = random.pick(others); }), true});
  all.push_back({"another type in half of the places",
                 [&] {
                   json copy = json::parse(text);
                   for (auto& [key, value] : copy.items())
                     if (random.one_in(2)) value = random.pick(others);
                   return copy.dump();
                 }(),
                 true});
  all.push_back({"swapped values", with_another([&](json& at, json& copy) {
                   // Never something with what it is itself a part of.
                   std::vector<json*> members;
                   for (json& member : copy) members.push_back(&member);
                   json* other = random.pick(members);
                   json taken = *other;
                   *members[random.below(members.size())] = taken;
                   (void)at;
                 }),
                 true});
  all.push_back({"a field removed", with_another([&](json& at, json& copy) {
                   json* in = at.is_object() && !at.empty() ? &at : &copy;
                   auto member = in->begin();
                   std::advance(member, static_cast<std::ptrdiff_t>(random.below(in->size())));
                   in->erase(member);
                 }),
                 true});
  const json whole = json::parse(text);
  auto member = whole.begin();
  std::advance(member, static_cast<std::ptrdiff_t>(random.below(whole.size())));
  const std::string twice = json(member.key()).dump() + ":" + random.pick(others).dump();
  all.push_back({"a field twice, the wrong one first", "{" + twice + "," + text.substr(1), true});
  all.push_back({"a field twice, the wrong one last", text.substr(0, text.size() - 1) + "," + twice + "}", true});
  all.push_back({"a deep value", with_another([](json& at, json&) {
                   for (int i = 0; i < 20; ++i) at = i % 2 == 0 ? json::array({at}) : json{{"user", at}};
                 }),
                 true});
  all.push_back({"too deep a value", with_another([](json& at, json&) {
                   for (int i = 0; i < 66; ++i) at = i % 2 == 0 ? json::array({at}) : json{{"user", at}};
                 }),
                 false});
  all.push_back({"an end too early", text.substr(0, random.below(text.rfind('}') + 1)), false});
  std::string bytes = text;
  // Wherever it stands, this byte is no UTF-8, and outside of a string nothing that JSON knows.
  bytes.insert(1 + random.below(bytes.size() - 1), 1, random.one_in(2) ? '\xFF' : '\xC0');
  all.push_back({"a byte that is no UTF-8", bytes, false});
  return all;
}

}  // namespace sake::test
