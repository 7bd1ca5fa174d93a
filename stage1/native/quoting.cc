#include "quoting.h"

namespace podctl {
namespace {

/** In its own bytes, ended with a NUL; false if the quoting is malformed. */
bool unquote(Text &token) {
  auto *const bytes = const_cast<char *>(token.data);
  if (token.empty()) return false;
  size_t size = 0;
  for (size_t i = 0; token != "%" && i < token.size; ++i) {
    char byte = bytes[i];
    if (byte < '!' || byte > '~') return false;
    if (byte == '%') {
      const int high = i + 2 < token.size ? hex_digit(bytes[i + 1]) : -1;
      const int low = i + 2 < token.size ? hex_digit(bytes[i + 2]) : -1;
      if (high < 0 || low < 0 || high + low == 0) return false;
      byte = static_cast<char>(high * 16 + low);
      i += 2;
    }
    bytes[size++] = byte;
  }
  bytes[size] = '\0';  // over the separator at the latest
  token.size = size;
  return true;
}

}  // namespace

bool split_line(Text line, Text &name, Text *words, size_t &count) {
  bool more = line.find(' ') < line.size;
  name = split(line, ' ');
  for (count = 0; more; ++count) {
    more = line.find(' ') < line.size;
    words[count] = split(line, ' ');
    if (!unquote(words[count])) return false;
  }
  return true;
}

}  // namespace podctl
