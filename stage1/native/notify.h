// Messages to systemd (sd_notify(3)).
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** The value of `name` (with its `=`) in an environment; empty if it is not there. */
Text variable_in(const char *const envp[], Text name);

/** $WATCHDOG_USEC in milliseconds: how often systemd wants to hear WATCHDOG=1. 0: never. */
uint64_t watchdog_ms_of(const char *const envp[]);

/** A socket connected to $NOTIFY_SOCKET, or a closed Fd if there is none. */
Outcome<Fd> connect_notify(const char *const envp[]);

/** Sends `state`; nothing if `socket` is closed. */
Outcome<> notify(const Fd &socket, Text state);

/** Asks systemd to say when it has handled all that was sent before (BARRIER=1). */
Outcome<Fd> send_barrier(const Fd &socket);
/** Waits for that. */
Outcome<> await_barrier(const Fd &barrier);

}  // namespace podctl
