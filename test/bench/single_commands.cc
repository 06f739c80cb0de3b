#include "single_commands.h"

#include <cstdlib>
#include <deque>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace sake::bench {
namespace {

using Words = std::vector<std::string_view>;

/// Takes the first command off `bytes`. What the engine has sent is well-formed.
Words take_command(std::string_view& bytes) {
  const auto number = [&bytes](char type) {
    if (bytes.empty() || bytes[0] != type) throw std::runtime_error("a recording is no sequence of commands");
    const std::size_t end = bytes.find('\n');
    const std::size_t value = std::strtoull(bytes.data() + 1, nullptr, 10);
    bytes.remove_prefix(end + 1);
    return value;
  };
  Words words(number('*'));
  for (std::string_view& word : words) {
    const std::size_t size = number('$');
    word = bytes.substr(0, size);
    bytes.remove_prefix(size + 2);
  }
  return words;
}

std::string render(std::initializer_list<std::span<const std::string_view>> parts) {
  std::size_t count = 0;
  for (const auto part : parts) count += part.size();
  std::string bytes = "*" + std::to_string(count) + "\r\n";
  for (const auto part : parts)
    for (const std::string_view word : part) {
      bytes += '$' + std::to_string(word.size()) + "\r\n";
      bytes.append(word).append("\r\n");
    }
  return bytes;
}

/// How a command that names several things is repeated for one of them.
struct Shape {
  std::string_view name;
  std::string_view single;  ///< What it is called for one.
  std::size_t fixed;        ///< Words before the first of them, the name included.
  std::size_t each;         ///< Words for one of them.
};
constexpr Shape shapes[] = {
    {"MSET", "SET", 1, 2},   {"HSET", "HSET", 2, 2}, {"SADD", "SADD", 2, 1},     {"SREM", "SREM", 2, 1},
    {"HDEL", "HDEL", 2, 1},  {"DEL", "DEL", 1, 1},   {"UNLINK", "UNLINK", 1, 1}, {"MGET", "GET", 1, 1},
    {"HMGET", "HGET", 2, 1}, {"ZADD", "ZADD", 2, 2}, {"ZREM", "ZREM", 2, 1},
};

void add_singles(const Words& words, int database, std::deque<SingleCommand>& to) {
  const std::span<const std::string_view> all = words;
  for (const Shape& shape : shapes) {
    if (words[0] != shape.name || (words.size() - shape.fixed) % shape.each != 0) continue;
    const std::string_view name[] = {shape.single};
    for (std::size_t at = shape.fixed; at < words.size(); at += shape.each)
      to.push_back({database, render({name, all.subspan(1, shape.fixed - 1), all.subspan(at, shape.each)})});
    return;
  }
  to.push_back({database, render({all})});
}

/// One connection's commands of the phase; the database it was in before that follows from all that came before.
std::deque<SingleCommand> singles_of(const Recording::Stream& stream, std::size_t phase) {
  std::deque<SingleCommand> singles;
  int database = 0;
  for (std::size_t each = 0; each <= phase; ++each)
    for (std::string_view bytes = stream.phase(each); !bytes.empty();) {
      const Words words = take_command(bytes);
      if (words[0] == "SELECT") {
        database = std::atoi(std::string(words[1]).c_str());
      } else if (each == phase) {
        add_singles(words, database, singles);
      }
    }
  return singles;
}

}  // namespace

std::vector<SingleCommand> single_commands(const Recording& recording, std::size_t phase) {
  struct Source {
    std::deque<SingleCommand> commands;
    std::size_t size;
  };
  std::vector<Source> sources;
  std::size_t left = 0;
  for (const Recording::Stream& stream : recording.streams) {
    std::deque<SingleCommand> commands = singles_of(stream, phase);
    left += commands.size();
    if (const std::size_t size = commands.size(); size != 0) sources.push_back({std::move(commands), size});
  }
  std::vector<SingleCommand> merged;
  for (; left != 0; --left) {
    // The one of which the largest share is left.
    Source* next = &sources.front();
    for (Source& source : sources)
      if (source.commands.size() * next->size > next->commands.size() * source.size) next = &source;
    merged.push_back(std::move(next->commands.front()));
    next->commands.pop_front();
  }
  return merged;
}

}  // namespace sake::bench
