#include "conduit.h"

#include <linux/errno.h>

namespace podctl {
namespace {

/** What a pipe holds, so that one turn of the loop can empty it. */
constexpr size_t kCapacity = 64 * 1024;

}  // namespace

Conduit::Conduit(Arena &arena, Fd from, Sink to)
    : from_(static_cast<Fd &&>(from)), to_(static_cast<Sink &&>(to)), buffer_(static_cast<char *>(arena.bytes(kCapacity))) {}

void Conduit::gather(PollSet &set) {
  from_slot_ = is_empty() ? set.add(from_, POLLIN) : -1;
  // Without POLLOUT poll(2) still shows that nobody reads any more.
  to_slot_ = set.add(to_.fd, is_empty() ? short{0} : short{POLLOUT});
}

void Conduit::handle(const PollSet &set) {
  if (set.is_ready(from_slot_)) fill();
  if (set.is_broken(to_slot_)) {
    close();
  } else if (!is_empty()) {
    put();
  }
  if (is_empty() && left_ == 0) close();
}

void Conduit::limit(uint64_t bytes) {
  left_ = bytes;
  if (is_empty() && left_ == 0) close();
}

void Conduit::fill() {
  const size_t most = left_ < kCapacity ? static_cast<size_t>(left_) : kCapacity;
  const sys::Result got = most == 0 ? 0 : sys::read(from_.get(), buffer_, most);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) return end_source();
  start_ = 0;
  end_ = static_cast<size_t>(got);
  if (left_ != kNoEnd) left_ -= end_;
  is_in_line_ = buffer_[end_ - 1] != '\n';
}

/** What fill() has brought is gone by now: its end is passed on. */
void Conduit::end_source() {
  from_.close();
  if (mark_ == 0) return close();
  start_ = 0;
  end_ = 0;
  // Behind a begun line the first only ends the line.
  if (is_in_line_) buffer_[end_++] = mark_;
  buffer_[end_++] = mark_;
  mark_ = 0;
}

void Conduit::put() {
  const sys::Result wrote = to_.put(Text(buffer_ + start_, end_ - start_));
  if (sys::failed(wrote)) return close();
  start_ += static_cast<size_t>(wrote);
}

void Conduit::close() {
  from_.close();
  to_.fd.close();
  start_ = end_ = 0;
}

}  // namespace podctl
