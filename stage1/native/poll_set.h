// The set of descriptors of one turn of the supervisor's loop.
#pragma once

#include <asm/poll.h>

#include "arena.h"
#include "clock.h"
#include "fd.h"

namespace podctl {

class PollSet {
 public:
  explicit PollSet(Arena &arena) : arena_(arena) {}

  /** Empties the set, and makes room for `capacity` descriptors. */
  void clear(size_t capacity) {
    count_ = 0;
    if (capacity <= capacity_) return;
    // Arenas never get anything back, so the room at least doubles.
    capacity_ = capacity > 2 * capacity_ ? capacity : 2 * capacity_;
    polls_ = arena_.array<pollfd>(capacity_);
  }

  /** Adds `fd` if it is open. Returns its slot, or -1. */
  int add(const Fd &fd, short events) {
    if (!fd.is_open()) return -1;
    polls_[count_] = pollfd{fd.get(), events, 0};
    return static_cast<int>(count_++);
  }

  /** Waits; negative milliseconds mean without end. An interrupted or failed wait shows nothing as ready. */
  void wait(int64_t milliseconds) {
    const sys::Time timeout = time_of(milliseconds);
    const sys::Result ready = sys::ppoll(polls_, count_, milliseconds < 0 ? nullptr : &timeout);
    for (size_t i = 0; sys::failed(ready) && i < count_; ++i) polls_[i].revents = 0;
  }

  /** True if anything happened in `slot`, an error or hang-up included. */
  bool is_ready(int slot) const { return slot >= 0 && polls_[slot].revents != 0; }

  /** True if nothing that is written to `slot` arrives any more. */
  bool is_broken(int slot) const { return slot >= 0 && (polls_[slot].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0; }

  /** True if something can be written to `slot`. */
  bool has_room(int slot) const { return slot >= 0 && (polls_[slot].revents & POLLOUT) != 0; }

  /** True if the other side of `slot`, which was asked for POLLRDHUP, says nothing any more. */
  bool is_left(int slot) const { return slot >= 0 && (polls_[slot].revents & (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP)) != 0; }

  /** True if there is something to read in `slot`. */
  bool has_input(int slot) const { return slot >= 0 && (polls_[slot].revents & POLLIN) != 0; }

 private:
  Arena &arena_;
  pollfd *polls_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace podctl
