#include "excerpt.h"

namespace podctl {
namespace {

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

}  // namespace

void Excerpt::add(Text piece) {
  if (piece.size >= capacity_) {
    piece = piece.from(piece.size - capacity_);
    size_ = 0;
  }
  const size_t room = capacity_ - piece.size;
  if (size_ > room) {
    __builtin_memmove(memory_, memory_ + size_ - room, room);
    size_ = room;
  }
  __builtin_memcpy(memory_ + size_, piece.data, piece.size);
  size_ += piece.size;
}

void put_line_of(Writer &out, Text said) {
  bool is_first = true;
  bool was_space = false;
  for (size_t i = 0; i < said.size; ++i) {
    if (is_space(said[i])) {
      was_space = true;
      continue;
    }
    if (was_space && !is_first) out << ' ';
    out << (said[i] > ' ' && said[i] <= '~' ? said[i] : '?');
    was_space = is_first = false;
  }
}

}  // namespace podctl
