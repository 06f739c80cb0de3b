#include "store/store.h"

#include <array>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "redis/command_queue.h"
#include "support/loop.h"
#include "support/random.h"

using namespace sake;
using store::Action;
using store::Life;
using store::Op;
using store::Owner;
using store::ReferenceKey;
using store::Settings;
using store::Store;
using store::WriteBatch;

namespace {

/// What a writer would send is in its queue, which is private: this test wants the bytes and no connection. An explicit
/// instantiation may name private members.
template <auto Member>
struct Reach {
  friend redis::CommandQueue& queue_of(redis::Pipeline& writer) { return writer.*Member; }
};
redis::CommandQueue& queue_of(redis::Pipeline& writer);
template struct Reach<&redis::Pipeline::queue_>;

using Commands = std::vector<std::string>;

/// "SET 7 {} PX 1000", ... for each command in these bytes.
Commands commands_in(std::string_view bytes) {
  Commands commands;
  std::size_t at = 0;
  const auto number = [&](char kind) {
    REQUIRE(bytes[at] == kind);
    const std::size_t end = bytes.find("\r\n", at);
    const auto value = std::strtoull(std::string(bytes.substr(at + 1, end - at - 1)).c_str(), nullptr, 10);
    at = end + 2;
    return static_cast<std::size_t>(value);
  };
  while (at < bytes.size()) {
    std::string command;
    for (std::size_t left = number('*'); left > 0; --left) {
      const std::size_t size = number('$');
      if (!command.empty()) command += ' ';
      command += bytes.substr(at, size);
      at += size + 2;
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

struct NoHandler final : redis::PipelineHandler {
  void on_ready(redis::Pipeline&) noexcept override {}
  void on_lost(redis::Pipeline&, const Error&) noexcept override {}
  void on_connect_failed(redis::Pipeline&, const Error&) noexcept override {}
  void on_greeting_refused(redis::Pipeline&, const Error&) noexcept override {}
  void on_progress(redis::Pipeline&) noexcept override {}
  void on_idle(redis::Pipeline&) noexcept override {}
};

struct Waiter final : redis::Requester {
  std::vector<std::uint32_t> tags;
  void on_reply(std::uint32_t, const resp::Reply&) noexcept override {}
  void on_acknowledged() noexcept override {}
  void on_failed(std::uint32_t tag, const Error&) noexcept override { tags.push_back(tag); }
};

Settings settings_of(const Options& options) {
  auto settings = store::resolve(options);
  REQUIRE(settings.has_value());
  return settings.value();
}

/// A store over writers that are never connected.
class Kit {
 public:
  explicit Kit(const Options& options = {}) : settings(settings_of(options)) {
    connection.batch_bytes = 4u << 20;
    connection.in_flight_bytes_max = 256u << 20;
    for (Resource resource : all_resources()) {
      if (!settings.uses(resource)) continue;
      auto& writer = writers[resource];
      writer = std::make_unique<redis::Pipeline>(loop.get(), connection, settings.database_of(resource),
                                                 redis::Role::writer, handler);
      store.set_writer(resource, *writer);
    }
  }
  // Nobody waits for what is left in the queues.
  ~Kit() {
    for (auto& [resource, writer] : writers) sent(resource);
  }

  void commit(WriteBatch& batch, Store::Which which = Store::Which::all) {
    store.commit(batch, which, &waiter, outstanding, wall_clock);
    batch.clear();
  }

  /// What the writer of a resource has to send, SELECT included.
  Commands sent(Resource resource) {
    redis::CommandQueue& queue = queue_of(*writers.at(resource));
    queue.close_group();
    std::string bytes;
    std::array<std::string_view, 64> pieces;
    while (const std::size_t count = queue.send(pieces))
      for (std::size_t i = 0; i < count; ++i) bytes += pieces[i];
    return commands_in(bytes);
  }

  static constexpr std::int64_t wall_clock = 1'700'000'000'000;

  test::Loop loop;
  NoHandler handler;
  Waiter waiter;
  redis::ConnectionOptions connection;
  Settings settings;
  store::Ownership ownership{1000};
  Store store{settings, ownership};
  std::map<Resource, std::unique_ptr<redis::Pipeline>> writers;
  std::uint32_t outstanding = 0;
};

auto text(std::string_view value) {
  return [value](json::Pieces& pieces) { pieces.push_back(value); };
}

ReferenceKey roles_of(std::uint64_t guild) { return {Owner::guild, guild, Resource::role}; }
ReferenceKey voice_of(std::uint64_t channel) { return {Owner::channel, channel, Resource::voice_state}; }

constexpr std::string_view week = "604800000";
constexpr std::string_view two_weeks = "1209600000";

}  // namespace

// ============================================================================================================ Each
// command

TEST_CASE("a record is set with the lifetime of its resource, its own end, or none") {
  Kit kit;
  WriteBatch batch;
  batch.set(Resource::role, 7, text("{}"));
  kit.commit(batch);
  CHECK(kit.sent(Resource::role) == Commands{"SET 7 {} PX 604800000"});

  Op& invite = batch.set(Resource::invite, "aBc", text("{}"));
  invite.life = Life::until;
  invite.time = 1'700'000'500'000;
  kit.commit(batch);
  CHECK(kit.sent(Resource::invite) == Commands{"SET aBc {} PXAT 1700000500000"});

  Op& own = batch.set(Resource::user, store::own_user_key, text("{}"));
  own.life = Life::none;
  kit.commit(batch);
  CHECK(kit.sent(Resource::user) == Commands{"SET ME {}"});
  CHECK(kit.outstanding == 3);

  Options lasting;
  lasting.default_expire = Lifetime::never;
  Kit other(lasting);
  batch.set(Resource::role, 7, text("{}"));
  batch.set_field(Resource::member, 100, 5, text("{}"));
  batch.add(Action::add_reference, roles_of(100)).member = 7;
  other.commit(batch);
  CHECK(other.sent(Resource::role) == Commands{"SELECT 9", "SADD 1:100:6 7", "SELECT 6", "SET 7 {}"});
  CHECK(other.sent(Resource::member) == Commands{"HSET 100 5 {}"});
}

TEST_CASE("a value of many pieces is one value") {
  Kit kit;
  WriteBatch batch;
  batch.set(Resource::role, 7, [](json::Pieces& pieces) {
    for (std::string_view piece : {"{", "\"a\":1", "", ",", "\"b\":2", "}"}) pieces.push_back(piece);
  });
  kit.commit(batch);
  CHECK(kit.sent(Resource::role) == Commands{R"(SET 7 {"a":1,"b":2} PX 604800000)"});
}

TEST_CASE("fields of one hash go out as one command, with a lifetime while nobody knows that it has one") {
  Kit kit;
  WriteBatch batch;
  batch.set_field(Resource::member, 100, 1, text("a"));
  batch.set_field(Resource::member, 100, 2, text("b"));
  batch.set_field(Resource::member, 200, 1, text("c"));
  batch.set_field(Resource::presence, 200, 1, text("d"));
  kit.commit(batch);
  CHECK(kit.sent(Resource::member) ==
        Commands{"HSET 100 1 a 2 b", "PEXPIRE 100 604800000", "HSET 200 1 c", "PEXPIRE 200 604800000"});
  CHECK(kit.sent(Resource::presence) == Commands{"HSET 200 1 d", "PEXPIRE 200 604800000"});
}

TEST_CASE("a hash of an owned guild is given its lifetime once, and again after a removal") {
  Kit kit;
  kit.ownership.own(100, 0, 0);
  WriteBatch batch;
  const auto put = [&] {
    batch.set_field(Resource::member, 100, 1, text("a"));
    kit.commit(batch);
    return kit.sent(Resource::member);
  };
  CHECK(put() == Commands{"HSET 100 1 a", "PEXPIRE 100 604800000"});
  CHECK(put() == Commands{"HSET 100 1 a"});
  batch.add(Action::erase_field, Resource::member, 100).member = 1;
  kit.commit(batch);
  CHECK(kit.sent(Resource::member) == Commands{"HDEL 100 1"});
  CHECK(put() == Commands{"HSET 100 1 a", "PEXPIRE 100 604800000"});
  batch.add(Action::erase_hash, Resource::member, 100);
  kit.commit(batch);
  CHECK(kit.sent(Resource::member) == Commands{"UNLINK 100"});
  CHECK(put() == Commands{"HSET 100 1 a", "PEXPIRE 100 604800000"});
}

TEST_CASE("records and fields are removed together") {
  Kit kit;
  WriteBatch batch;
  for (std::uint64_t id : {1, 2, 3}) batch.add(Action::erase, Resource::role, id);
  for (std::uint64_t user : {4, 5}) batch.add(Action::erase_field, Resource::member, 100).member = user;
  batch.add(Action::erase_field, Resource::member, 200).member = 6;
  batch.add(Action::erase, Resource::invite, 0).text = "aBc";
  batch.add(Action::erase, Resource::invite, 0).text = "abc";
  kit.commit(batch);
  CHECK(kit.sent(Resource::role) == Commands{"DEL 1 2 3"});
  CHECK(kit.sent(Resource::member) == Commands{"HDEL 100 4 5", "HDEL 200 6"});
  CHECK(kit.sent(Resource::invite) == Commands{"DEL aBc abc"});
}

TEST_CASE("references go before their entities and out behind them, by the writer of what they list") {
  Kit kit;
  WriteBatch batch;
  batch.set(Resource::role, 7, text("{}"));
  batch.add(Action::add_reference, roles_of(100)).member = 7;
  batch.add(Action::remove_reference, roles_of(100)).member = 8;
  batch.add(Action::erase, Resource::role, 8);
  kit.commit(batch);
  CHECK(kit.sent(Resource::role) == Commands{"SELECT 9", "SADD 1:100:6 7", "PEXPIRE 1:100:6 1209600000", "SELECT 6",
                                             "SET 7 {} PX 604800000", "DEL 8", "SELECT 9", "SREM 1:100:6 8"});
}

TEST_CASE("the set of a voice channel is given its lifetime with every addition") {
  Kit kit;
  kit.ownership.own(100, 0, 0);
  WriteBatch batch;
  for (int i = 0; i < 2; ++i) {
    batch.add(Action::add_reference, voice_of(200)).member = 5;
    batch.add(Action::add_reference, voice_of(200)).text = "KEY.100";
    kit.commit(batch);
    Commands sent = kit.sent(Resource::voice_state);
    if (sent.front().starts_with("SELECT")) sent.erase(sent.begin());
    CHECK(sent == Commands{"SADD 2:200:8 5 KEY.100", "PEXPIRE 2:200:8 1209600000"});
  }
  batch.add(Action::erase_reference, voice_of(200));
  kit.commit(batch);
  CHECK(kit.sent(Resource::voice_state) == Commands{"DEL 2:200:8"});
}

TEST_CASE("an index is scored, pruned as it is written, and lives as long as it is told") {
  Kit kit;
  WriteBatch batch;
  const ReferenceKey index{Owner::channel, 200, Resource::message};
  Op& first = batch.add(Action::add_entry, index);
  first.member = 900;
  first.time = 1'700'000'300'000;
  Op& second = batch.add(Action::add_entry, index);
  second.member = 901;
  second.time = store::for_ever;
  Op& renewal = batch.add(Action::renew_reference, index);
  renewal.life = Life::until;
  renewal.time = 1'700'000'300'000;
  batch.add(Action::remove_entry, index).member = 899;
  kit.commit(batch);
  CHECK(kit.sent(Resource::message) == Commands{"SELECT 9", "ZADD 2:200:10 1700000300000 900 +inf 901",
                                                "ZREMRANGEBYSCORE 2:200:10 -inf 1700000000000",
                                                "PEXPIREAT 2:200:10 1700000300000", "ZREM 2:200:10 899"});
}

TEST_CASE("records, hashes and sets are renewed with the lifetimes they were made with") {
  Kit kit;
  WriteBatch batch;
  batch.add(Action::renew, Resource::role, 7);
  batch.add(Action::renew, Resource::member, 100);
  batch.add(Action::renew_reference, roles_of(100));
  kit.commit(batch);
  CHECK(kit.sent(Resource::role) == Commands{"SELECT 9", "PEXPIRE 1:100:6 " + std::string(two_weeks), "SELECT 6",
                                             "PEXPIRE 7 " + std::string(week)});
  CHECK(kit.sent(Resource::member) == Commands{"PEXPIRE 100 " + std::string(week)});

  Options lasting;
  lasting.default_expire = Lifetime::never;
  Kit other(lasting);
  batch.add(Action::renew, Resource::role, 7);
  batch.add(Action::renew_reference, roles_of(100));
  other.commit(batch);
  CHECK(other.sent(Resource::role).empty());
  CHECK(other.outstanding == 0);
}

TEST_CASE("reads are the commands they stand for, and their answers find their places") {
  Kit kit;
  WriteBatch batch;
  std::uint32_t slot = 0;
  const auto read = [&](Op& op) -> Op& {
    op.slot = ++slot;
    op.ordered = false;
    return op;
  };
  read(batch.add(Action::get, Resource::guild, 1));
  read(batch.add(Action::exists, Resource::guild, 2));
  read(batch.add(Action::scan_keys, Resource::guild, 0));
  read(batch.add(Action::scan_keys, Resource::guild, 0)).text = "17";
  kit.commit(batch, Store::Which::unordered);
  CHECK(kit.sent(Resource::guild) == Commands{"GET 1", "EXISTS 2", "SCAN 0 COUNT 1000", "SCAN 17 COUNT 1000"});

  read(batch.add(Action::get_field, Resource::member, 100)).member = 5;
  read(batch.add(Action::count_fields, Resource::member, 100));
  read(batch.add(Action::fields, Resource::member, 100));
  kit.commit(batch, Store::Which::unordered);
  CHECK(kit.sent(Resource::member) == Commands{"HGET 100 5", "HLEN 100", "HKEYS 100"});

  read(batch.add(Action::count_references, roles_of(100)));
  read(batch.add(Action::references, roles_of(100)));
  kit.commit(batch, Store::Which::unordered);
  CHECK(kit.sent(Resource::role) == Commands{"SELECT 9", "SCARD 1:100:6", "SMEMBERS 1:100:6"});

  CHECK(kit.outstanding == slot);
  kit.writers.clear();
  CHECK(kit.waiter.tags.size() == slot);
  CHECK(std::set<std::uint32_t>(kit.waiter.tags.begin(), kit.waiter.tags.end()).size() == slot);
}

// ===================================================================================================== What goes
// together

TEST_CASE("one command takes a thousand ids or 32 KiB at most, and loses none") {
  Kit kit;
  WriteBatch batch;
  for (std::uint64_t role = 1; role <= 2500; ++role) batch.add(Action::add_reference, roles_of(100)).member = role;
  for (std::uint64_t role = 1; role <= 2500; ++role) batch.add(Action::erase, Resource::role, role);
  kit.commit(batch);
  std::size_t added = 0;
  std::size_t erased = 0;
  for (const std::string& command : kit.sent(Resource::role)) {
    const auto words = static_cast<std::size_t>(std::ranges::count(command, ' ')) + 1;
    CHECK(words <= 1002);
    if (command.starts_with("SADD")) added += words - 2;
    if (command.starts_with("DEL")) erased += words - 1;
  }
  CHECK(added == 2500);
  CHECK(erased == 2500);

  const std::string value(3000, 'x');
  for (std::uint64_t user = 1; user <= 100; ++user) batch.set_field(Resource::member, 100, user, text(value));
  const std::string huge(1'000'000, 'y');
  batch.set_field(Resource::member, 100, 101, text(huge));
  kit.commit(batch);
  std::size_t fields = 0;
  for (const std::string& command : kit.sent(Resource::member)) {
    if (!command.starts_with("HSET")) continue;
    const auto count = static_cast<std::size_t>(std::ranges::count(command, ' ')) / 2;
    fields += count;
    CHECK((command.size() <= (33u << 10) || count == 1));
  }
  CHECK(fields == 101);
}

TEST_CASE("only neighbours of one kind, key and turn go together") {
  Kit kit;
  WriteBatch batch;
  batch.add(Action::erase, Resource::role, 1);
  batch.set(Resource::role, 2, text("{}"));
  batch.add(Action::erase, Resource::role, 3);
  kit.commit(batch);
  CHECK(kit.sent(Resource::role) == Commands{"DEL 1", "SET 2 {} PX 604800000", "DEL 3"});

  batch.add(Action::add_reference, roles_of(1)).member = 7;
  batch.add(Action::add_reference, roles_of(2)).member = 7;
  batch.add(Action::add_reference, ReferenceKey{Owner::channel, 2, Resource::role}).member = 7;
  kit.commit(batch);
  const Commands sent = kit.sent(Resource::role);
  CHECK(std::ranges::count_if(sent, [](const std::string& command) { return command.starts_with("SADD"); }) == 3);
}

TEST_CASE("a resource that is not in use costs nothing") {
  Options options;
  options.resources = {Resource::role};
  Kit kit(options);
  WriteBatch batch;
  batch.set(Resource::guild, 1, text("{}"));
  batch.set_field(Resource::member, 1, 2, text("{}"));
  batch.add(Action::add_reference, ReferenceKey{Owner::guild, 1, Resource::emoji}).member = 3;
  batch.set(Resource::role, 7, text("{}"));
  kit.commit(batch);
  CHECK(kit.outstanding == 1);
  CHECK(kit.sent(Resource::role) == Commands{"SET 7 {} PX 604800000"});
}

TEST_CASE("what does not wait for its turn is sent alone when that is asked for") {
  Kit kit;
  WriteBatch batch;
  batch.set(Resource::role, 7, text("{}"));
  batch.set(Resource::user, 5, text("{}")).ordered = false;
  kit.store.commit(batch, Store::Which::unordered, &kit.waiter, kit.outstanding, kit.wall_clock);
  CHECK(kit.outstanding == 1);
  CHECK(kit.sent(Resource::user) == Commands{"SET 5 {} PX 3600000"});
  CHECK(kit.sent(Resource::role).empty());
  batch.remove_unordered();
  kit.commit(batch);
  CHECK(kit.outstanding == 2);
  CHECK(kit.sent(Resource::role) == Commands{"SET 7 {} PX 604800000"});
  CHECK(kit.sent(Resource::user).empty());
}

TEST_CASE("upserts and deletes are counted by resource") {
  Kit kit;
  WriteBatch batch;
  batch.set(Resource::role, 7, text("{}"));
  for (std::uint64_t user : {1, 2, 3}) batch.set_field(Resource::member, 100, user, text("{}"));
  batch.add(Action::erase_field, Resource::member, 100).member = 1;
  batch.add(Action::erase_hash, Resource::member, 100);
  for (std::uint64_t role : {7, 8}) batch.add(Action::erase, Resource::role, role);
  kit.commit(batch);
  CHECK(kit.store.counts(Resource::role).upserts == 1);
  CHECK(kit.store.counts(Resource::role).deletes == 2);
  CHECK(kit.store.counts(Resource::member).upserts == 3);
  CHECK(kit.store.counts(Resource::member).deletes == 2);
  CHECK(kit.store.counts(Resource::guild).upserts == 0);
}

TEST_CASE("whoever asks is told of every write, with its value, and of no read") {
  Kit kit;
  WriteBatch batch;
  batch.set(Resource::role, 7, [](json::Pieces& pieces) {
    pieces.push_back("{");
    pieces.push_back("}");
  });
  batch.set_field(Resource::member, 100, 1, text("a"));
  batch.set_field(Resource::member, 100, 2, text("b"));
  batch.add(Action::erase_field, Resource::member, 100).member = 3;
  batch.add(Action::erase, Resource::guild, 100);
  batch.add(Action::erase_hash, Resource::presence, 100);
  batch.add(Action::add_reference, roles_of(100)).member = 7;
  batch.add(Action::remove_reference, roles_of(100)).member = 8;
  batch.add(Action::erase_reference, voice_of(200));
  batch.add(Action::get, Resource::guild, 100).slot = 1;
  batch.add(Action::renew, Resource::guild, 100);
  std::vector<std::string> told;
  kit.store.commit(
      batch, Store::Which::all, &kit.waiter, kit.outstanding, kit.wall_clock,
      [](void* context, const Op& op, bool present, std::string_view value) {
        static_cast<std::vector<std::string>*>(context)->push_back(
            std::string(name(op.resource)) + " " + std::to_string(op.key) + " " + std::to_string(op.member) +
            (present ? "=" : " gone") + std::string(value));
      },
      &told);
  CHECK(told == std::vector<std::string>{"role 7 0={}", "member 100 1=a", "member 100 2=b", "member 100 3 gone",
                                         "guild 100 0 gone", "presence 100 0 gone", "role 100 7=", "role 100 8 gone",
                                         "voice_state 200 0 gone"});
}

// ===================================================================================================================
// Order

TEST_CASE("a reference that was taken away and comes back is there in the end") {
  Kit kit;
  WriteBatch batch;
  batch.add(Action::remove_reference, roles_of(100)).member = 7;
  kit.commit(batch);
  batch.add(Action::add_reference, roles_of(100)).member = 7;
  kit.commit(batch);
  Commands sent = kit.sent(Resource::role);
  CHECK(sent == Commands{"SELECT 9", "SREM 1:100:6 7", "SADD 1:100:6 7", "PEXPIRE 1:100:6 1209600000"});

  batch.add(Action::erase_reference, voice_of(200));
  kit.commit(batch);
  batch.add(Action::add_reference, voice_of(200)).member = 5;
  kit.commit(batch);
  CHECK(kit.sent(Resource::voice_state) ==
        Commands{"SELECT 9", "DEL 2:200:8", "SADD 2:200:8 5", "PEXPIRE 2:200:8 1209600000"});
}

namespace {

/// What Redis would hold after these commands, as text. Sets, sorted sets, hashes and strings without their lifetimes.
class Model {
 public:
  /// `database` is the one that is selected, and stays so for the next commands of the same connection.
  void run(const Commands& commands, int& database) {
    for (const std::string& command : commands) {
      std::vector<std::string> words;
      for (std::size_t at = 0; at <= command.size();) {
        const std::size_t end = std::min(command.find(' ', at), command.size());
        words.push_back(command.substr(at, end - at));
        at = end + 1;
      }
      const std::string& name = words[0];
      if (name == "SELECT") {
        database = std::atoi(words[1].c_str());
        continue;
      }
      auto& key = keys_[std::to_string(database) + "/" + (words.size() > 1 ? words[1] : "")];
      if (name == "SET") key = {{"", words[2]}};
      if (name == "HSET")
        for (std::size_t i = 2; i + 1 < words.size(); i += 2) key[words[i]] = words[i + 1];
      if (name == "SADD")
        for (std::size_t i = 2; i < words.size(); ++i) key[words[i]] = "";
      if (name == "ZADD")
        for (std::size_t i = 2; i + 1 < words.size(); i += 2) key[words[i + 1]] = words[i];
      if (name == "SREM" || name == "ZREM" || name == "HDEL")
        for (std::size_t i = 2; i < words.size(); ++i) key.erase(words[i]);
      if (name == "UNLINK") key.clear();
      if (name == "DEL")
        for (std::size_t i = 1; i < words.size(); ++i) keys_[std::to_string(database) + "/" + words[i]].clear();
    }
  }

  std::string text() const {
    std::string out;
    for (const auto& [key, fields] : keys_) {
      if (fields.empty()) continue;
      out += key + ":";
      for (const auto& [field, value] : fields) out += " " + field + "=" + value;
      out += "\n";
    }
    return out;
  }

 private:
  std::map<std::string, std::map<std::string, std::string>> keys_;
};

/// The same, from the operations as they were meant.
class Meant {
 public:
  explicit Meant(const Settings& settings) : settings_(settings) {}

  void run(const WriteBatch& batch) {
    for (const Op& op : batch.ops()) {
      std::string value;
      for (std::uint32_t i = 0; i < op.pieces; ++i) value += batch.piece(op.first_piece + i);
      const std::string id = op.text.empty() ? std::to_string(op.key) : std::string(op.text);
      const std::string member = op.text.empty() ? std::to_string(op.member) : std::string(op.text);
      const std::string set(std::string_view(store::KeyText(op.reference())));
      const auto run = [&](const std::string& command, int database) {
        int selected = database;
        model_.run({command}, selected);
      };
      const int own = settings_.database_of(op.resource);
      switch (op.action) {
        case Action::set:
          run("SET " + id + " " + value, own);
          break;
        case Action::erase:
          run("DEL " + id, own);
          break;
        case Action::set_field:
          run("HSET " + id + " " + member + " " + value, own);
          break;
        case Action::erase_field:
          run("HDEL " + id + " " + member, own);
          break;
        case Action::erase_hash:
          run("UNLINK " + id, own);
          break;
        case Action::add_reference:
          run("SADD " + set + " " + member, reference_index);
          break;
        case Action::remove_reference:
          run("SREM " + set + " " + member, reference_index);
          break;
        case Action::add_entry:
          run("ZADD " + set + " " + std::to_string(op.time) + " " + member, reference_index);
          break;
        case Action::remove_entry:
          run("ZREM " + set + " " + member, reference_index);
          break;
        case Action::erase_reference:
          run("DEL " + set, reference_index);
          break;
        default:
          break;
      }
    }
  }

  std::string text() const { return model_.text(); }

 private:
  const Settings& settings_;
  Model model_;
};

void add_random_operation(test::Random& random, WriteBatch& batch) {
  static constexpr std::string_view values[] = {"a", "b", "c"};
  const std::string_view value = values[random.below(3)];
  const std::uint64_t key = random.between(1, 2);
  const std::uint64_t member = random.between(1, 4);
  const bool marked = random.one_in(6);
  const ReferenceKey set = random.one_in(2) ? roles_of(key) : ReferenceKey{Owner::channel, key, Resource::role};
  const ReferenceKey index{Owner::channel, key, Resource::message};
  switch (random.below(10)) {
    case 0:
      batch.set(Resource::role, key, text(value));
      break;
    case 1:
      batch.add(Action::erase, Resource::role, key);
      break;
    case 2:
      batch.set_field(Resource::member, key, member, text(value));
      break;
    case 3:
      batch.add(Action::erase_field, Resource::member, key).member = member;
      break;
    case 4:
      batch.add(Action::erase_hash, Resource::member, key);
      break;
    case 5:
    case 6: {
      Op& op = batch.add(Action::add_reference, set);
      op.member = member;
      if (marked) op.text = "KEY.100";
      break;
    }
    case 7: {
      Op& op = batch.add(Action::remove_reference, set);
      op.member = member;
      if (marked) op.text = "KEY.100";
      break;
    }
    case 8:
      if (random.one_in(2)) {
        batch.add(Action::erase_reference, set);
      } else {
        batch.add(Action::remove_entry, index).member = member;
      }
      break;
    default: {
      Op& op = batch.add(Action::add_entry, index);
      op.member = member;
      op.time = Kit::wall_clock + static_cast<std::int64_t>(random.between(1, 3));
    }
  }
}

}  // namespace

TEST_CASE("whatever is asked for in whatever order, the commands come to what it means") {
  const std::array resources{Resource::role, Resource::member, Resource::message};
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    test::Random random(seed);
    Kit kit;
    Meant meant(kit.settings);
    Model sent;
    std::map<Resource, int> selected;
    for (Resource resource : resources) selected[resource] = kit.settings.database_of(resource);
    WriteBatch batch;
    for (int event = 0; event < 60; ++event) {
      for (std::size_t count = random.between(1, 6); count > 0; --count) add_random_operation(random, batch);
      meant.run(batch);
      kit.commit(batch);
      // Sometimes the group is sent in between.
      if (!random.one_in(8)) continue;
      for (Resource resource : resources) sent.run(kit.sent(resource), selected[resource]);
    }
    for (Resource resource : resources) sent.run(kit.sent(resource), selected[resource]);
    REQUIRE(sent.text() == meant.text());
  }
}

TEST_CASE("many removals in one group do not hide a reference that comes back") {
  for (std::uint64_t count : {10u, 63u, 64u, 65u, 66u, 500u}) {
    CAPTURE(count);
    Kit kit;
    Meant meant(kit.settings);
    Model sent;
    WriteBatch batch;
    for (std::uint64_t member = 1; member <= count; ++member) {
      batch.add(Action::remove_reference, roles_of(1)).member = member;
      batch.add(Action::remove_reference, roles_of(2)).member = member;
      meant.run(batch);
      kit.commit(batch);
    }
    for (std::uint64_t member = 1; member <= count; member += 3) {
      batch.add(Action::add_reference, roles_of(1)).member = member;
      meant.run(batch);
      kit.commit(batch);
    }
    int selected = kit.settings.database_of(Resource::role);
    sent.run(kit.sent(Resource::role), selected);
    CHECK(sent.text() == meant.text());
  }
}
