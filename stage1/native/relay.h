// An app's output on its way to the journal and to the caller.
#pragma once

#include "fd.h"
#include "sink.h"
#include "text.h"

namespace podctl {

/** Bytes that wait in the Stream of what is logged, at most. Its pages become resident with the app's first line only. */
constexpr size_t kStreamBuffer = 4096;

/** A moment in the past: the stream is opened with the first output. */
constexpr uint64_t kAtFirstOutput = 1;

/**
 * One of an app's two outputs. It is read only when all that was read before has gone to both sinks, so a slow sink holds back
 * this pipe's writer and nobody else.
 */
struct Stream {
  /** Our end of a pipe, or of a terminal; nonblocking, closed at its end. */
  Fd pipe{};
  Sink journal{};
  /** Monotonic milliseconds: when the journal stream is opened, at the next output; 0 if it is, or is not to be. */
  uint64_t journal_retry = 0;
  /** The pod's sink; null without one. */
  Sink *caller = nullptr;
  char *buffer = nullptr;
  size_t capacity = 0;
  size_t filled = 0;
  size_t to_journal = 0;
  size_t to_caller = 0;
  /** Who listens beside these, and who of them has not had the piece yet: one bit for each of the audience (audience.h). */
  uint32_t listeners = 0;
  uint32_t behind = 0;
  /** Where each is in the supervisor's poll set, -1 if it is not. */
  int pipe_slot = -1;
  int journal_slot = -1;
  int caller_slot = -1;

  bool is_empty() const { return filled == 0; }
  bool is_over() const { return !pipe.is_open() && is_empty(); }
  bool journal_waits() const { return journal.fd.is_open() && to_journal < filled; }
  bool caller_waits() const { return caller != nullptr && caller->fd.is_open() && to_caller < filled; }

  /** Reads one piece if the last one is gone, and passes it on as pass_on does. */
  bool fill();
  /** Passes on what can be passed on without waiting. False if the journal stream broke: the piece is kept for a new one. */
  bool pass_on();
  /** Makes room for the next piece if everybody has had this one. */
  void settle();
  /** Gives up what is left. */
  void abandon();
};

}  // namespace podctl
