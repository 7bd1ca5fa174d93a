// Messages to systemd (sd_notify(3)).
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** A socket connected to $NOTIFY_SOCKET, or a closed Fd if there is none. */
Outcome<Fd> connect_notify(const char *const envp[]);

/** Sends `state`; nothing if `socket` is closed. */
Outcome<> notify(const Fd &socket, Text state);

/** Waits until systemd has handled all that was sent before (BARRIER=1). */
Outcome<> notify_barrier(const Fd &socket);

}  // namespace podctl
