#include "resources/chunks.h"

#include <algorithm>
#include <charconv>

#include "base/random.h"

namespace sake::resources {
namespace {

/// No guild has so many: a thousand members each.
constexpr std::int64_t chunks_max = 1'000'000;

/// Discord takes nonces of 32 bytes: two numbers of 64 bits in hexadecimal digits.
std::string nonce_of(std::uint64_t base, std::uint64_t number) {
  char text[32];
  char* end = std::to_chars(text, text + 16, base, 16).ptr;
  end = std::to_chars(end, text + sizeof text, number, 16).ptr;
  return {text, end};
}

}  // namespace

// The first digit is never 0, so that no two pairs of numbers read alike.
Chunks::Chunks() : nonce_base_(base::random_number() | (1ull << 63)) {}

void Chunks::turn_off() noexcept {
  is_on_ = false;
  guilds_.clear();
  runs_ = 0;
  counts_ = {};
  news_.clear();
}

Chunks::Token Chunks::create(std::uint64_t guild, std::uint32_t shard) {
  if (!is_on_) return 0;
  forget(guild);
  guilds_.emplace(guild, Guild{shard, ++token_, Stage::creating, nullptr});
  ++counts_[static_cast<std::size_t>(Stage::creating)];
  return token_;
}

void Chunks::want(std::uint64_t guild, Token token) {
  Guild* const found = find(guild, token);
  if (found == nullptr || found->stage != Stage::creating) return;
  enter(*found, Stage::wanted);
  news_.push_back({News::What::wanted, guild, token, found->shard});
}

void Chunks::complete(std::uint64_t guild, Token token, std::size_t members) {
  Guild* const found = find(guild, token);
  if (found == nullptr || (found->stage != Stage::creating && found->stage != Stage::settling)) return;
  drop_run(*found);
  enter(*found, Stage::complete);
  news_.push_back({News::What::complete, guild, token, found->shard, members});
}

void Chunks::fail(std::uint64_t guild, Token token) noexcept {
  Guild* const found = find(guild, token);
  if (found == nullptr || found->stage != Stage::settling) return;
  drop_run(*found);
  enter(*found, Stage::given_up);
  news_.push_back({News::What::failed, guild, token, found->shard});
}

void Chunks::forget(std::uint64_t guild) noexcept {
  const auto found = guilds_.find(guild);
  if (found == guilds_.end()) return;
  drop_run(found->second);
  --counts_[static_cast<std::size_t>(found->second.stage)];
  guilds_.erase(found);
}

void Chunks::forget_shard(std::uint32_t shard) noexcept {
  for (auto at = guilds_.begin(); at != guilds_.end();) {
    Guild& guild = at->second;
    if (guild.shard == shard) {
      drop_run(guild);
      --counts_[static_cast<std::size_t>(guild.stage)];
      at = guilds_.erase(at);
    } else {
      ++at;
    }
  }
}

Chunks::Arrival Chunks::arrive(std::uint64_t guild, std::string_view nonce, std::optional<std::int64_t> index,
                               std::optional<std::int64_t> count) {
  Guild* const found = find(guild);
  if (found == nullptr || found->run == nullptr || found->run->nonce != nonce) return {};
  Run& run = *found->run;
  if (!index || !count || *count < 1 || *count > chunks_max || *index < 0 || *index >= *count) return {};
  if (run.chunks.empty()) run.chunks.resize(static_cast<std::size_t>(*count));
  if (run.chunks.size() != static_cast<std::size_t>(*count)) return {};
  const auto place = static_cast<std::size_t>(*index);
  if (!run.chunks[place]) {
    run.chunks[place] = true;
    ++run.arrived;
  }
  const bool is_last = found->stage == Stage::asked && run.arrived == run.chunks.size();
  if (is_last) enter(*found, Stage::settling);
  return {found->token, is_last};
}

void Chunks::note(std::uint64_t guild, std::uint64_t user) {
  Run* const run = find_run(guild);
  if (run == nullptr) return;
  if (const auto told = run->told.find(user); told != run->told.end() && told->second == Told::removed)
    run->told.erase(told);
  run->seen.add(user);
  if (run->seen.size() < run->seal_at) return;
  run->seen.seal();
  run->seal_at = std::max<std::size_t>(4096, 2 * run->seen.size());
}

void Chunks::note_removed(std::uint64_t guild, std::uint64_t user) {
  if (Run* const run = find_run(guild)) run->told[user] = Told::removed;
}

void Chunks::add(std::uint64_t guild, std::uint64_t user) {
  if (runs_ == 0) return;
  if (Run* const run = find_run(guild)) run->told[user] = Told::added;
}

Chunks::Told Chunks::told(std::uint64_t guild, std::uint64_t user) const noexcept {
  const Guild* const found = find(guild);
  if (found == nullptr || found->run == nullptr) return Told::nothing;
  const auto told = found->run->told.find(user);
  return told == found->run->told.end() ? Told::nothing : told->second;
}

std::optional<IdSet> Chunks::take_seen(std::uint64_t guild, Token token) {
  Guild* const found = find(guild, token);
  if (found == nullptr || found->stage != Stage::settling || found->run == nullptr) return std::nullopt;
  IdSet seen = std::move(found->run->seen);
  seen.seal();
  seen.erase_if([&](std::uint64_t user) { return told(guild, user) == Told::removed; });
  drop_run(*found);
  return seen;
}

bool Chunks::hold(std::uint64_t guild, std::string_view nonce, std::int64_t delay_ms) {
  Guild* const found = find(guild);
  if (found == nullptr || found->stage != Stage::asked) return false;
  if (!nonce.empty() && nonce != found->run->nonce) return false;
  drop_run(*found);
  enter(*found, Stage::wanted);
  news_.push_back({News::What::held, guild, found->token, found->shard, 0, delay_ms});
  return true;
}

std::string_view Chunks::ask(std::uint64_t guild, Token token) {
  Guild* const found = find(guild, token);
  if (found == nullptr || found->stage != Stage::wanted) return {};
  found->run = std::make_unique<Run>();
  found->run->nonce = nonce_of(nonce_base_, ++nonces_);
  ++runs_;
  enter(*found, Stage::asked);
  return found->run->nonce;
}

void Chunks::take_back(std::uint64_t guild, Token token) noexcept {
  Guild* const found = find(guild, token);
  if (found == nullptr || found->stage != Stage::asked) return;
  drop_run(*found);
  enter(*found, Stage::wanted);
}

void Chunks::give_up(std::uint64_t guild, Token token) noexcept {
  Guild* const found = find(guild, token);
  if (found == nullptr) return;
  drop_run(*found);
  enter(*found, Stage::given_up);
}

std::optional<Chunks::Stage> Chunks::stage(std::uint64_t guild, Token token) const noexcept {
  const Guild* const found = find(guild);
  if (found == nullptr || found->token != token) return std::nullopt;
  return found->stage;
}

std::size_t Chunks::arrived(std::uint64_t guild) const noexcept {
  const Guild* const found = find(guild);
  return found == nullptr || found->run == nullptr ? 0 : found->run->arrived;
}

bool Chunks::is_complete(std::uint64_t guild) const noexcept {
  const Guild* const found = find(guild);
  return found != nullptr && found->stage == Stage::complete;
}

Chunks::Guild* Chunks::find(std::uint64_t guild) noexcept {
  return const_cast<Guild*>(std::as_const(*this).find(guild));
}

const Chunks::Guild* Chunks::find(std::uint64_t guild) const noexcept {
  const auto found = guilds_.find(guild);
  return found == guilds_.end() ? nullptr : &found->second;
}

Chunks::Guild* Chunks::find(std::uint64_t guild, Token token) noexcept {
  Guild* const found = find(guild);
  return found == nullptr || found->token != token ? nullptr : found;
}

Chunks::Run* Chunks::find_run(std::uint64_t guild) noexcept {
  Guild* const found = find(guild);
  return found == nullptr ? nullptr : found->run.get();
}

void Chunks::enter(Guild& guild, Stage stage) noexcept {
  --counts_[static_cast<std::size_t>(guild.stage)];
  guild.stage = stage;
  ++counts_[static_cast<std::size_t>(stage)];
}

void Chunks::drop_run(Guild& guild) noexcept {
  if (guild.run == nullptr) return;
  guild.run.reset();
  --runs_;
}

}  // namespace sake::resources
