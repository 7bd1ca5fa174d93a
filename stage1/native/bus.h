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
  /** The last message: its answer is the one that counts. */
  Text last{};
  /**
   * Messages before the last took away a machine of the same name. machined (from systemd 256 on) forgets it only when it has nothing
   * else to do, and until then says that there is one: then it is asked again.
   */
  bool is_replacement = false;
  /** When, in monotonic milliseconds, and how long was waited before; 0 if an answer is awaited. */
  uint64_t again = 0;
  uint64_t pause = 0;
  /** Nothing else waits for the answer any more. */
  bool is_late = false;
  /** Monotonic milliseconds. */
  uint64_t deadline = 0;
};

/** Makes ready to send the messages (whole, little-endian, in hex). */
Outcome<> prepare_calls(Bus &bus, Arena &arena, Text path, Text messages_hex);

/** Connects and sends authentication, Hello and the messages in one write. */
Outcome<> start_calls(Bus &bus);

/** Reads what has come. Closes the socket when the answer is there; a failure if it is an error, or none will come. */
Outcome<> read_answers(Bus &bus);

/** When to see to it even if nothing has come: monotonic milliseconds, 0 for never. */
uint64_t deadline_of(const Bus &bus);

/** Does what is due by then: asks again, lets others go on without the answer, or fails since none came in time. */
Outcome<> pass_deadline(Bus &bus);

}  // namespace podctl
