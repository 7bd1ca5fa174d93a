// The operation `machine`: method calls on the system bus, made by the init itself, since machined takes the caller of
// RegisterMachine for the machine's leader. They are made once the apps run, which thus start sooner, and not at all for apps
// that have ended by then. Nothing waits for the answer but READY=1, and not even that for long.
#pragma once

#include "arena.h"
#include "error.h"
#include "fd.h"

namespace podctl {

struct Bus {
  /** The socket's inode (O_PATH), opened while the host's root is reachable; closed once it is used, or if it is not to be. */
  Fd endpoint{};
  /** Authentication, Hello and the messages. */
  Text outgoing{};
  /** Open while the answer is awaited. */
  Fd socket{};
  char *buffer = nullptr;
  size_t filled = 0;
  bool authenticated = false;
  /** Serial of the last call: the one whose answer counts. */
  uint32_t awaited = 0;
  /** Monotonic milliseconds. */
  uint64_t deadline = 0;
};

/** Makes ready to send the messages (whole, little-endian, in hex). */
Outcome<> prepare_calls(Bus &bus, Arena &arena, Text path, Text messages_hex);

/** Connects and sends authentication, Hello and the messages in one write. */
Outcome<> start_calls(Bus &bus);

/** Reads what has come. Closes the socket when the answer is there; a failure if it is an error, or none will come. */
Outcome<> read_answers(Bus &bus);

}  // namespace podctl
