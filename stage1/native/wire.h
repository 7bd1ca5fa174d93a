// D-Bus on the wire (D-Bus Specification, "Type System" and "Message Protocol"): what the façade reads and writes. Only
// little-endian messages: those are what the host's own tools send. Every length is checked against the bytes there are.
#pragma once

#include "error.h"

namespace podctl {

/** Of every message's header. */
constexpr uint8_t kBusVersion = 1;
constexpr uint8_t kNoAnswer = 1;  // NO_REPLY_EXPECTED

constexpr size_t aligned(size_t offset, size_t to) { return (offset + to - 1) & ~(to - 1); }

/** The largest message that is read: a shell's environment and command fit many times. */
constexpr size_t kMaxBusMessage = 64 * 1024;

enum class BusType : uint8_t { call = 1, answer = 2, error = 3, signal = 4 };

/** A message as it came, its fixed header and its fields taken apart. */
struct BusMessage {
  BusType type = BusType::call;
  bool wants_answer = true;
  uint32_t serial = 0;
  Text path{};
  Text interface{};
  Text member{};
  Text signature{};
  /** How many descriptors came with it. */
  uint32_t files = 0;
  Text body{};
};

/** Reads values one after the other; once one is not there, ok() is false, and whatever is read is empty. */
class BusReader {
 public:
  explicit BusReader(Text bytes) : bytes_(bytes) {}

  uint8_t byte();
  uint32_t number();
  uint64_t large();
  /** A string or an object path, without its NUL. */
  Text string();
  Text signature();
  /** Begins an array; returns where it ends, for has_more(). @param alignment of its elements */
  size_t array(size_t alignment);
  /** Whether another element of the array that ends at `end` follows. */
  bool has_more(size_t end);
  /** Begins a struct or a dictionary entry. */
  void structure() { align(8); }
  /** Leaves out a value of the first type in `signature`, which is left at what follows that. */
  void skip(Text &signature, int depth = 0);

  size_t position() const { return at_; }
  bool ok() const { return ok_; }

 private:
  void align(size_t to);
  /** The next `size` bytes, or null. */
  const char *take(size_t size);
  void skip_container(Text &signature, int depth);
  void fail() { ok_ = false; }

  Text bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

/** Size of the message that `bytes` begin with, 0 while that cannot be known. */
Outcome<size_t> size_of_message(Text bytes);

/** Takes a whole message apart. */
Outcome<BusMessage> parse_message(Text bytes);

/** Writes values into a buffer whose beginning is aligned like a message's body. */
class BusWriter {
 public:
  struct Array {
    size_t length_at = 0;
    size_t start = 0;
  };

  BusWriter(char *buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  void byte(uint8_t value) { put(&value, 1); }
  void boolean(bool value) { number(value ? 1 : 0); }
  void number(uint32_t value);
  void large(uint64_t value);
  void string(Text value);
  void signature(Text value);
  void structure() { align(8); }
  Array open_array(size_t alignment);
  void close_array(const Array &array);
  void bytes(Text value) { put(value.data, value.size); }
  void align(size_t to);

  bool overflowed() const { return overflowed_; }
  Text text() const { return {buffer_, size_}; }
  void clear() {
    size_ = 0;
    overflowed_ = false;
  }

 private:
  void put(const void *bytes, size_t size);

  char *buffer_;
  size_t capacity_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

/** What a message that is sent says of itself; empty texts and 0 are left out. */
struct BusHeader {
  BusType type = BusType::answer;
  uint32_t serial = 0;
  uint32_t reply_to = 0;
  Text path{};
  Text interface{};
  Text member{};
  Text error_name{};
  Text signature{};
};

/** Writes the header of a message from the façade with a body of this size, padded so that the body may follow. */
void put_header(BusWriter &out, const BusHeader &header, size_t body_size);

}  // namespace podctl
