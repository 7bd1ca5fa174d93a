// Bytes that are not owned, and the bounded buffer that every message, path and record is put together in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace podctl {

/** A view of bytes. Those made from a literal or from a plan's argument are followed by a NUL (see c_str). */
struct Text {
  const char *data = "";
  size_t size = 0;

  constexpr Text() = default;
  constexpr Text(const char *bytes, size_t count) : data(bytes), size(count) {}
  constexpr Text(const char *c_string) : data(c_string), size(__builtin_strlen(c_string)) {}

  /** The same bytes for the kernel. Only for views that are followed by a NUL. */
  constexpr const char *c_str() const { return data; }
  constexpr bool empty() const { return size == 0; }
  constexpr char operator[](size_t index) const { return data[index]; }
  constexpr Text from(size_t start) const { return {data + start, size - start}; }
  constexpr Text first(size_t count) const { return {data, count}; }
  bool starts_with(Text prefix) const;
  /** Index of the first `wanted`, or size. */
  size_t find(char wanted) const;
  /** How often it has `wanted`. */
  size_t count(char wanted) const;
};

bool operator==(Text left, Text right);
inline bool operator!=(Text left, Text right) { return !(left == right); }

/** What precedes the first `separator` (or all); `rest` is left at what follows it. */
Text split(Text &rest, char separator);

/** Value of decimal digits; false if there are none, others, or more than 18. */
bool parse_decimal(Text digits, uint64_t &value);
/** Value of octal digits, at most 21 of them. */
uint64_t octal(Text digits);
/** Value of hexadecimal digits, at most 16 of them. */
uint64_t hexadecimal(Text digits);
/** Value of one hexadecimal digit in lower case, or -1. */
int hex_digit(char digit);
/** The bytes that pairs of hexadecimal digits stand for, half as many as there are digits. */
void decode_hex(Text digits, char *bytes);

/** Appends to a buffer of fixed size; what does not fit is left out and remembered. Always NUL-terminated. */
class Writer {
 public:
  Writer(char *buffer, size_t capacity) : buffer_(buffer), capacity_(capacity - 1) { buffer_[0] = '\0'; }
  Writer &operator<<(Text text);
  Writer &operator<<(const char *text) { return *this << Text(text); }
  Writer &operator<<(char byte) { return *this << Text(&byte, 1); }
  Writer &operator<<(uint64_t number);
  Writer &operator<<(uint32_t number) { return *this << static_cast<uint64_t>(number); }
  Writer &operator<<(int64_t number);
  Writer &operator<<(int32_t number) { return *this << static_cast<int64_t>(number); }

  void clear() {
    size_ = 0;
    overflowed_ = false;
    buffer_[0] = '\0';
  }

  bool overflowed() const { return overflowed_; }
  Text text() const { return {buffer_, size_}; }
  const char *c_str() const { return buffer_; }

 private:
  char *buffer_;
  size_t capacity_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

/** A Writer with its own buffer. */
template <size_t Capacity>
class Buffer : public Writer {
 public:
  Buffer() : Writer(bytes_, Capacity) {}
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

 private:
  char bytes_[Capacity];
};

}  // namespace podctl
