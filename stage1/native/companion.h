// A companion: a further program that the init runs in an app, beside the app's main process.
//
// It sees the app's files, is limited, confined and identified as the app is, and is never taken for it: a cgroup of its own,
// below the app's, lets everything that it starts be found and killed. Its time is bounded if the caller says so, and it always
// ends with the run of the app.
#pragma once

#include "identity.h"
#include "pod.h"

namespace podctl {

/** What is kept of a companion's output: its end. */
constexpr size_t kKeptOutput = 512;

/** What a companion is to be. */
struct Visit {
  Companion::Purpose purpose = Companion::Purpose::check;
  Program program{};  // without an environment: in that of the app
  /** As root of the pod's users, else as the app's user. Both are confined as the app is. */
  bool is_root = false;
  /** Borrowed. Without `in` it is /dev/null; without `out` it is a pipe, of which the end is kept, and `err` is the same. */
  int in = -1;
  int out = -1;
  int err = -1;
  /** `in` becomes its controlling terminal. */
  bool has_terminal = false;
  /** Milliseconds after which it is killed; 0 for never. */
  uint64_t timeout_ms = 0;
};

/** Starts a companion for `app`, whose program runs. What becomes of it is told by the supervisor. */
Outcome<Companion *> start_companion(Pod &pod, App &app, const Visit &visit);

/**
 * The mount namespace of the main process, which must belong to the pod's users: one that it has made among users of its own
 * would show programs of its own choice in the place of the image's. For a child that has still the pod's own mounts.
 */
Outcome<Fd> open_view_of_main(const Pod &pod, const App &app);

/** Performed by the companion's process, once it is in the app: becomes the program. Returns only with a failure. */
Outcome<> become_companion(Pod &pod, const App &app, Identity &identity, const Visit &visit);

}  // namespace podctl
