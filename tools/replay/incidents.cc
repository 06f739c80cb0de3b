#include "incidents.h"

#include <algorithm>

namespace sake::replay {
namespace {

constexpr std::size_t first_max = 3;
constexpr std::size_t event_bytes_max = 64;

/// Discord's names are capitals, digits and underscores. Anything else is a piece of the frame, and not shown.
std::string_view shown(std::string_view event) {
  const bool is_a_name = event.size() <= event_bytes_max && std::all_of(event.begin(), event.end(), [](char c) {
                           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                         });
  return event.empty() || !is_a_name ? "(unknown)" : event;
}

}  // namespace

void Incidents::add(Place place, Outcome outcome, std::string_view event, std::string_view reason) {
  ++count_;
  if (file_ == nullptr && first_.size() == first_max) return;
  std::string text(place.log == "-" ? "(standard input)" : place.log);
  text.append(":").append(std::to_string(place.line)).append(": ").append(name(outcome)).append(" ");
  text.append(event == "(unreadable)" ? event : shown(event)).append(": ").append(reason);
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (file_ != nullptr) std::fprintf(file_, "%s\n", text.c_str());
  if (first_.size() < first_max) first_.push_back(std::move(text));
}

void Incidents::add_unreadable(Place place, std::string_view reason) {
  ++unreadable_;
  add(place, Outcome::rejected, "(unreadable)", reason);
}

}  // namespace sake::replay
