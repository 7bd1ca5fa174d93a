// The other side of the control socket: what the host asks a pod's init.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** The longest part of an answer. */
constexpr size_t kMaxAnswer = 4096;

/** Connects to the init of the pod in this directory. */
Outcome<Fd> connect_control(const Fd &directory);

/** The init's process, as seen from here: who made the socket that `connection` leads to. */
Outcome<long> init_of(const Fd &connection);

/** Sends a request, with a file if `file` is open. */
Outcome<> ask(const Fd &connection, Text request, const Fd &file);

/**
 * The next part of the answer, in `buffer` of kMaxAnswer bytes: `more…`, `ok`, or `error CODE MESSAGE`.
 * `patience_ms`: negative waits until the pod ends.
 */
Outcome<Text> hear_answer(const Fd &connection, char *buffer, int64_t patience_ms);

/** The verb `control PODDIR WORD…`: prints the answer; 0 for `ok`, 1 for `error`. */
int control(int count, const char *const words[]);

}  // namespace podctl
