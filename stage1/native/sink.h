// Where output goes: a file of the caller's, or a journal stream.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

struct Sink {
  enum class Kind : uint8_t {
    /** Never blocks for long: a regular file. */
    file,
    /** An open file description of our own, with O_NONBLOCK. */
    nonblocking,
    /** MSG_DONTWAIT does what O_NONBLOCK would. */
    socket,
    /** A description shared with others, whose flags are not ours to change: polled before each write. */
    shared,
  };

  Fd fd{};
  Kind kind = Kind::file;
  /** The process's own fd 2 by another number. */
  bool is_own_stderr = false;

  /** Writes what can be written without waiting: a count, 0 if nothing can, or -errno if the other side is gone. */
  sys::Result put(Text bytes) const;
};

/**
 * A sink for a file that others may share. Pipes and terminals are opened anew through /proc, so that O_NONBLOCK can be set on
 * a description of our own (setting it on the caller's would break the caller's shell).
 */
Outcome<Sink> adopt_sink(Fd file);

}  // namespace podctl
