// The process that an app of a running pod is: found by number, and held so that no other can take its place.
#pragma once

#include "error.h"
#include "fd.h"
#include "plan.h"

namespace podctl {

struct Target {
  /** The pod's init; closed for a process that has the init's namespaces itself. */
  Fd init{};
  long init_pid = 0;
  /** The app's first process. */
  Fd process{};
  /** The app's. */
  Fd cgroup{};
};

/**
 * Finds the process of the app whose operation is `app`, in the pod with this directory. That the numbers found in files mean
 * what they say is checked when the processes are held. A failure's operation is `pod-wrong-state`,
 * `app-not-running` or none.
 */
Outcome<Target> find_target(Arena &arena, Text pod_directory, bool has_own_users, const Op &app);

/**
 * The same for a process in the pod's namespaces, like the init.
 * @param directory the pod's @param cgroups the cgroup `apps`
 */
Outcome<Target> find_target_inside(Arena &arena, int directory, int cgroups, bool has_own_users, const Op &app);

/** False once the process has ended. */
bool is_alive(const Fd &process);

/** What there is to say then. */
Failure app_is_over();

}  // namespace podctl
