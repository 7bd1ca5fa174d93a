// What is kept and shown of a program's output: its end, as one line that can be shown anywhere.
#pragma once

#include "text.h"

namespace podctl {

/** The end of what comes piece by piece, in memory that somebody else has. */
class Excerpt {
 public:
  Excerpt() = default;
  Excerpt(char *memory, size_t capacity) : memory_(memory), capacity_(capacity) {}

  bool has_memory() const { return memory_ != nullptr; }
  void clear() { size_ = 0; }
  void add(Text piece);
  Text text() const { return {memory_, size_}; }

 private:
  char *memory_ = nullptr;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

/** `said` in printable ASCII, with one space for what is between words; other bytes become `?`. */
void put_line_of(Writer &out, Text said);

}  // namespace podctl
