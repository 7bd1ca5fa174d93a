// Clocks: monotonic milliseconds for deadlines, nanoseconds since the epoch for records.
#pragma once

#include "kernel.h"
#include "sys.h"

namespace podctl {

inline uint64_t clock_ns(int clock) {
  sys::Time time{};
  sys::clock_gettime(clock, &time);  // ignored: these two clocks always exist
  return static_cast<uint64_t>(time.seconds) * 1000000000U + static_cast<uint64_t>(time.nanoseconds);
}

inline sys::Time time_of(int64_t milliseconds) { return {milliseconds / 1000, milliseconds % 1000 * 1000000}; }

inline uint64_t monotonic_ms() { return clock_ns(kClockMonotonic) / 1000000; }
/** What is left until `end`, in monotonic milliseconds; nothing if that has passed. */
inline sys::Time time_until(uint64_t end) {
  const uint64_t now = monotonic_ms();
  return time_of(now < end ? static_cast<int64_t>(end - now) : 0);
}
inline uint64_t realtime_ns() { return clock_ns(kClockRealtime); }

/** The earlier of two moments, of which 0 is none. */
inline uint64_t sooner(uint64_t left, uint64_t right) { return left == 0 || (right != 0 && right < left) ? right : left; }

}  // namespace podctl
