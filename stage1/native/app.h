// An app's processes: its cgroup, its journal streams, its pipes, and a child for each program, up to the exec.
#pragma once

#include "pod.h"

namespace podctl {

/** Operations of an app's section that its child could not perform from inside the app's root. */
inline bool is_for_init(OpKind kind) {
  return kind == OpKind::log || kind == OpKind::cgroup || kind == OpKind::devices;
}

/** Finds the apps' sections in `plan` and appends them to the pod's apps. Returns the last one. */
App *add_apps(Pod &pod, const Plan &plan);

/** Keeps what is left of an app, which is no longer among the pod's, for another one; gives its own memory back. */
void recycle(Pod &pod, App &app);

/**
 * Starts a child for one of the app's programs, which goes on by itself; app.start_report tells how that ended. The first of
 * a run (app.view is closed) sets up the app's mounts, the others see the same ones.
 */
Outcome<> start_process(Pod &pod, App &app, Part part);

/** The files that become the child's, and where it reports to. */
struct ChildFiles {
  Fd null{};
  /** Borrowed: -1 for none. */
  int out = -1;
  int err = -1;
  Fd report{};
};

/** The child, up to its exec. Nothing in it returns to the init's code. */
[[noreturn]] void run_child(Pod &pod, App &app, Part part, const ChildFiles &files);

}  // namespace podctl
