// What only systemd can say: whether this process is what its unit is about, and may make cgroups below the unit's.
#pragma once

#include "arena.h"
#include "error.h"
#include "fd.h"

namespace podctl {

/** Sends a question as dbus/ask.ts makes it, in hex: authentication, Hello, then two properties, MainPID and Delegate. */
Outcome<Fd> ask_systemd(Arena &arena, Text socket, Text question_hex);

/** Waits for the answers, a second at most. A failure if they are not that it is, and may. */
Outcome<> hear_systemd(Arena &arena, const Fd &bus);

}  // namespace podctl
