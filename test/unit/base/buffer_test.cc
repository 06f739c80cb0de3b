#include "base/buffer.h"

#include <string>
#include <utility>

#include <doctest/doctest.h>

using sake::base::Buffer;
using sake::base::BufferPool;

TEST_CASE("a buffer holds what was appended, in order, over any growth") {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 37), static_cast<char>('a' + i % 26));
    buffer.append(piece);
    expected += piece;
  }
  CHECK(buffer.view() == expected);
}

TEST_CASE("reserved bytes become part of a buffer only when it is advanced") {
  Buffer buffer;
  char* at = buffer.reserve(10);
  at[0] = 'x';
  at[1] = 'y';
  CHECK(buffer.empty());
  buffer.advance(2);
  CHECK(buffer.view() == "xy");
  CHECK(buffer.room() >= 8);
}

TEST_CASE("a buffer does not move while what is written fits its room") {
  Buffer buffer(100);
  buffer.append("head");
  const char* const before = buffer.data();
  buffer.append(std::string(buffer.room(), 'x'));
  CHECK(buffer.data() == before);
  CHECK(buffer.size() == 100);
}

TEST_CASE("a truncated buffer keeps its beginning and its capacity") {
  Buffer buffer;
  buffer.append("keep, drop");
  const std::size_t capacity = buffer.capacity();
  buffer.truncate(4);
  CHECK(buffer.view() == "keep");
  CHECK(buffer.capacity() == capacity);
  buffer.clear();
  CHECK(buffer.empty());
}

TEST_CASE("a moved buffer leaves an empty one behind") {
  Buffer buffer;
  buffer.append("bytes");
  Buffer taken = std::move(buffer);
  CHECK(taken.view() == "bytes");
  buffer = Buffer();
  CHECK(buffer.empty());
  buffer = std::move(taken);
  CHECK(buffer.view() == "bytes");
}

TEST_CASE("appending nothing to a buffer that never held anything is harmless") {
  Buffer buffer;
  buffer.append(std::string_view());
  CHECK(buffer.empty());
}

TEST_CASE("a pool gives a returned buffer out again, empty and as large as before") {
  BufferPool pool(1000, 4);
  Buffer buffer = pool.take();
  CHECK(buffer.capacity() >= 1000);
  buffer.append("used");
  const char* const memory = buffer.data();
  pool.give(std::move(buffer));

  Buffer again = pool.take();
  CHECK(again.data() == memory);
  CHECK(again.empty());
}

TEST_CASE("a pool keeps no more buffers than its bound") {
  BufferPool pool(100, 2);
  for (int i = 0; i < 5; ++i) pool.give(Buffer(100));
  CHECK(pool.size() == 2);
}

TEST_CASE("a pool keeps neither a buffer that has grown huge nor one that is too small") {
  BufferPool pool(100, 4);
  pool.give(Buffer(1000));
  pool.give(Buffer(50));
  pool.give(Buffer());
  CHECK(pool.size() == 0);
  pool.give(Buffer(200));
  CHECK(pool.size() == 1);
}
