// Streams to journald: what is written to one is a line of the journal under the app's name and the pod's unit.
#pragma once

#include "error.h"
#include "fd.h"
#include "sink.h"

namespace podctl {

/** The directory of journald's sockets, opened while the host's root is still reachable. */
Outcome<Fd> open_journal();

/** A stream whose lines carry `identifier`, `unit` and `priority`. Changes the working directory to the root. */
Outcome<Sink> open_journal_stream(const Fd &journal, Text identifier, Text unit, int priority);

/** Sends one entry of the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
void send_entry(const Fd &journal, Text entry);

}  // namespace podctl
