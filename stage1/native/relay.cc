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
  return pass_on();
}

bool Stream::pass_on() {
  const Text bytes(buffer, filled);
  if (journal_waits() && !put_rest(journal, bytes, to_journal)) return false;
  // A caller that went away (EPIPE) is forgotten: the journal has the lines.
  if (caller_waits()) put_rest(*caller, bytes, to_caller);
  settle();
  return true;
}

void Stream::settle() {
  if (!journal_waits() && !caller_waits() && behind == 0) filled = to_journal = to_caller = 0;
}

void Stream::abandon() {
  pipe.close();
  filled = to_journal = to_caller = 0;
  behind = 0;
}

}  // namespace podctl
