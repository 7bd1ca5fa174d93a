#include "text.h"

namespace podctl {

bool operator==(Text left, Text right) {
  return left.size == right.size && __builtin_memcmp(left.data, right.data, left.size) == 0;
}

bool Text::starts_with(Text prefix) const { return size >= prefix.size && first(prefix.size) == prefix; }

size_t Text::find(char wanted) const {
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == wanted) return i;
  }
  return size;
}

size_t Text::count(char wanted) const {
  size_t found = 0;
  for (size_t i = 0; i < size; ++i) found += data[i] == wanted ? 1 : 0;
  return found;
}

Text split(Text &rest, char separator) {
  const size_t end = rest.find(separator);
  const Text head = rest.first(end);
  rest = rest.from(end < rest.size ? end + 1 : end);
  return head;
}

bool parse_decimal(Text digits, uint64_t &value) {
  constexpr size_t kMostDigits = 18;  // always below 2^63
  if (digits.empty() || digits.size > kMostDigits) return false;
  value = 0;
  for (size_t i = 0; i < digits.size; ++i) {
    if (digits[i] < '0' || digits[i] > '9') return false;
    value = value * 10 + static_cast<uint64_t>(digits[i] - '0');
  }
  return true;
}

uint64_t octal(Text digits) {
  uint64_t value = 0;
  for (size_t i = 0; i < digits.size; ++i) value = value * 8 + static_cast<uint64_t>(digits[i] - '0');
  return value;
}

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

void decode_hex(Text digits, char *bytes) {
  for (size_t i = 0; i < digits.size / 2; ++i) {
    bytes[i] = static_cast<char>(hex_digit(digits[2 * i]) * 16 + hex_digit(digits[2 * i + 1]));
  }
}

uint64_t hexadecimal(Text digits) {
  uint64_t value = 0;
  for (size_t i = 0; i < digits.size; ++i) value = value * 16 + static_cast<uint64_t>(hex_digit(digits[i]));
  return value;
}

Writer &Writer::operator<<(Text text) {
  size_t count = text.size;
  if (count > capacity_ - size_) {
    count = capacity_ - size_;
    overflowed_ = true;
  }
  __builtin_memcpy(buffer_ + size_, text.data, count);
  size_ += count;
  buffer_[size_] = '\0';
  return *this;
}

Writer &Writer::operator<<(uint64_t number) {
  char digits[20];
  size_t start = sizeof digits;
  do {
    digits[--start] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return *this << Text(digits + start, sizeof digits - start);
}

Writer &Writer::operator<<(int64_t number) {
  if (number < 0) return *this << '-' << (uint64_t{0} - static_cast<uint64_t>(number));
  return *this << static_cast<uint64_t>(number);
}

}  // namespace podctl
