// An app's output on its way to the journal and to the caller.
#pragma once

#include "fd.h"
#include "sink.h"
#include "text.h"

namespace podctl {

/** Bytes that wait in the Stream of what is logged, at most. Its pages become resident with the output that needs them. */
constexpr size_t kStreamBuffer = 32 * 1024;
/** What an app that writes a line now and then needs of it. */
constexpr size_t kCalm = 4096;
/** How long a buffer that was filled beyond that is kept. */
constexpr uint64_t kCalmAfterMs = 1000;
/** How long a journal that takes nothing may hold back what others are waiting for. */
constexpr uint64_t kJournalPatienceMs = 5000;

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
  /** Monotonic milliseconds: until when caller and listeners wait for the journal, 0 if they do not. */
  uint64_t patience_end = 0;
  /** It took nothing for that long: the others get what the journal does not take at once. */
  bool journal_is_stuck = false;
  /** The last byte that it was given was not the end of a line; and that line will not be continued. */
  bool journal_is_in_line = false;
  bool journal_is_cut = false;
  /** Bytes that this journal stream was given. */
  uint64_t given = 0;
  /** Bytes that did not go to the journal, since this was last told. */
  uint64_t lost = 0;
  /** Monotonic milliseconds: when the buffer is given back, 0 if there is nothing to give. */
  uint64_t calm_at = 0;
  /** Bytes of the largest piece since it was given back. */
  size_t largest = 0;
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
  bool has_caller() const { return caller != nullptr && caller->fd.is_open(); }
  bool caller_waits() const { return has_caller() && to_caller < filled; }
  bool journal_holds_others_back() const {
    return (has_caller() || listeners != 0) && journal_waits() && !caller_waits() && behind == 0;
  }

  /** Reads one piece if the last one is gone, and passes it on as pass_on does. */
  bool fill();
  /** Passes on what can be passed on without waiting. False if the journal stream broke: the piece is kept for a new one. */
  bool pass_on();
  /** Makes room for the next piece if everybody has had this one. */
  void settle();
  /** Lets the others go on without the journal. */
  void leave_journal_behind();
  /** Gives back the part of the buffer that an app that writes little does not need. */
  void calm_down();
  /** Gives up what is left. */
  void abandon();

 private:
  bool feed_journal(Text bytes);
};

}  // namespace podctl
