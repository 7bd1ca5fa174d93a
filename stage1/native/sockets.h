// Sockets that systemd listens on for the pod (systemd.socket(5)), and how an app gets its own (sd_listen_fds(3)).
#pragma once

#include "pod.h"

namespace podctl {

constexpr size_t kMaxSockets = 64;
/** The number of the first one that an app gets. */
constexpr int kFirstSocket = 3;

/** Null, or what is wrong with the pairs of `listen`, in a plan. */
const char *fault_of_listen(const Plan &plan, const Op &op);

/** Keeps a file of the role `socket`, under the number that the plan calls it by. */
Outcome<> keep_socket(Pod &pod, uint64_t number, Fd file);

/** An app's sockets, and its child's report, on their way to their places. */
struct Raised {
  /** The sockets, then the report. */
  int numbers[kMaxSockets + 1];
  size_t sockets = 0;
};

/** Copies them to numbers above all places: while the limit of open files is the init's, and with nothing overwritten. */
Outcome<Raised> raise_sockets(const Pod &pod, const Op &listen, int report);

/** Puts them to 3 and following, the report behind them; overwrites what is there. Returns the number of the report. */
Outcome<int> place_sockets(const Raised &raised);

/** Adds LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES for the calling process. */
const char *const *with_listen_variables(Arena &arena, const char *const *environment, const Op &listen);

}  // namespace podctl
