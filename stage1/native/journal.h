// Streams to journald: what is written to one is a line of the journal under the app's name and the pod's unit.
#pragma once

#include "arena.h"
#include "error.h"
#include "fd.h"
#include "sink.h"

namespace podctl {

/** The directory of journald's sockets, opened while the host's root is still reachable. */
Outcome<Fd> open_journal();

/** A stream whose lines carry `identifier`, `unit` and `priority`. Changes the working directory to the root. */
Outcome<Sink> open_journal_stream(const Fd &journal, Text identifier, Text unit, int priority);

/**
 * Ends a stream of which maybe nothing has been read yet of the `given` bytes, and waits until all have been: until `end` (monotonic
 * milliseconds) at most.
 */
void await_reader(const Sink &stream, uint64_t given, uint64_t end);

/** Entries that wait for a journal that is busy. What does not fit is not kept: an app must not fill the init. */
struct EntryQueue {
  static constexpr size_t kMost = 8192;

  /** Connected while something waits. */
  Fd socket{};
  char *bytes = nullptr;
  size_t used = 0;
  int slot = -1;

  bool is_empty() const { return used == 0; }
};

/** Sends one entry of the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), or has it wait. */
void send_entry(const Fd &journal, EntryQueue &queue, Arena &arena, Text entry);
/** Sends what can be sent of what waits. */
void send_waiting(EntryQueue &queue);
/** As send_waiting, waiting for the journal for so many milliseconds at most. */
void send_all_waiting(EntryQueue &queue, uint64_t milliseconds);

}  // namespace podctl
