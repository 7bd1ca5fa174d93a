#include "relay.h"

#include <linux/errno.h>

namespace podctl {
namespace {

/** Puts what `sink` has not had yet. False, and the sink closed, if its other side is gone. */
bool put_rest(Sink &sink, Text bytes, size_t &done) {
  const sys::Result wrote = sink.put(bytes.from(done));
  if (sys::failed(wrote)) {
    sink.fd.close();
    return false;
  }
  done += static_cast<size_t>(wrote);
  return true;
}

}  // namespace

bool Stream::fill() {
  if (!is_empty() || !pipe.is_open()) return true;
  const sys::Result got = sys::read(pipe.get(), buffer, capacity);
  if (got == -EAGAIN || got == -EINTR) return true;
  if (got <= 0) {
    pipe.close();
    return true;
  }
  filled = static_cast<size_t>(got);
  behind = listeners;
  if (filled > largest) largest = filled;
  return pass_on();
}

/** False if the journal stream broke. Where a line was left unfinished, the next bytes begin a new one. */
bool Stream::feed_journal(Text bytes) {
  constexpr Text kEndOfLine = "\n";
  size_t ended = 0;
  if (journal_is_cut && !put_rest(journal, kEndOfLine, ended)) return false;
  if (ended != 0) journal_is_cut = false;
  const size_t before = to_journal;
  if (!journal_is_cut && !put_rest(journal, bytes, to_journal)) return false;
  given += to_journal - before;
  if (to_journal > 0) journal_is_in_line = bytes[to_journal - 1] != '\n';
  if (!journal_waits()) {
    journal_is_stuck = false;
  } else if (journal_is_stuck) {
    leave_journal_behind();
  }
  return true;
}

void Stream::leave_journal_behind() {
  journal_is_stuck = true;
  journal_is_cut = journal_is_in_line;
  lost += filled - to_journal;
  to_journal = filled;
}

void Stream::calm_down() {
  constexpr uintptr_t kPage = 4096;
  constexpr int kDontNeed = 4;  // MADV_DONTNEED
  largest = 0;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(buffer) + kCalm + kPage - 1) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(buffer) + capacity) & ~(kPage - 1);
  // ignored: this only ever saves memory
  static_cast<void>(sys::madvise(reinterpret_cast<const void *>(first), end - first, kDontNeed));
}

bool Stream::pass_on() {
  const Text bytes(buffer, filled);
  if (journal_waits() && !feed_journal(bytes)) return false;
  // A caller that went away (EPIPE) is forgotten: the journal has the lines.
  if (caller_waits()) put_rest(*caller, bytes, to_caller);
  settle();
  return true;
}

void Stream::settle() {
  if (journal_waits() || caller_waits() || behind != 0) return;
  if (!journal.fd.is_open() && journal_retry != 0) lost += filled - to_journal;  // there is none to take it
  filled = to_journal = to_caller = 0;
}

void Stream::abandon() {
  pipe.close();
  filled = to_journal = to_caller = 0;
  behind = 0;
}

}  // namespace podctl
