// Bytes on their way in one direction, between the caller of `enter` and its command.
#pragma once

#include "poll_set.h"
#include "sink.h"

namespace podctl {

class Conduit {
 public:
  static constexpr uint64_t kNoEnd = ~uint64_t{0};

  Conduit(Arena &arena, Fd from, Sink to);

  void gather(PollSet &set);
  void handle(const PollSet &set);
  /** At the end of the source these bytes follow: a terminal's "end of file". */
  void end_with(char mark) { mark_ = mark; }
  /** Takes at most so many bytes more of the source. */
  void limit(uint64_t bytes);
  /** Ends it, with what was on its way. */
  void close();

  const Fd &source() const { return from_; }
  /** Nothing can come of it any more: then both ends are closed, which is how the end is passed on, in either direction. */
  bool is_over() const { return !to_.fd.is_open(); }

 private:
  bool is_empty() const { return start_ == end_; }
  void fill();
  void put();
  void end_source();

  Fd from_;
  Sink to_;
  char *buffer_;
  size_t start_ = 0;
  size_t end_ = 0;
  uint64_t left_ = kNoEnd;
  /** 0: none. */
  char mark_ = 0;
  bool is_in_line_ = false;
  int from_slot_ = -1;
  int to_slot_ = -1;
};

}  // namespace podctl
