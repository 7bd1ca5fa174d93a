#include "thrift.h"

#include <cstddef>
#include <cstdint>

#include "boundary.h"
#include "sys.h"

namespace podctl {
namespace {

constexpr uintptr_t kPage = 4096;
constexpr int kRandom = 1;    // MADV_RANDOM
constexpr int kDontNeed = 4;  // MADV_DONTNEED

// ignored, here and below: this only ever saves memory, and part of a range may be no memory at all.
void advise(uintptr_t start, uintptr_t end, int advice) {
  static_cast<void>(sys::madvise(reinterpret_cast<const void *>(start), end - start, advice));
}

/** The stack below this frame: the set-up went deeper than the loop does. */
void forget_stack() {
  constexpr uintptr_t kReach = 256 * 1024;
  constexpr uintptr_t kOwnFrames = 1024;  // this function's and those of what it calls are far smaller
  const uintptr_t end = (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - kOwnFrames) & ~(kPage - 1);
  advise(end - kReach, end, kDontNeed);
}

/**
 * The set-up's code. A page fault maps the pages around it, too, but not those of another mapping: and that is what the first
 * advice makes of these.
 */
void forget_code() {
  const uintptr_t start = reinterpret_cast<uintptr_t>(&setup_text);
  const uintptr_t end = reinterpret_cast<uintptr_t>(&etext) & ~(kPage - 1);
  if (end <= start) return;
  advise(start, end, kRandom);
  advise(start, end, kDontNeed);
}

}  // namespace

__attribute__((noinline)) void forget_setup() {
  forget_stack();
  forget_code();
}

}  // namespace podctl
