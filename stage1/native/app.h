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

/** The files that become the child's, and where it reports to. The numbers are borrowed. */
struct ChildFiles {
  int in = -1;
  int out = -1;
  int err = -1;
  Fd report{};
  /** Where the child sends its terminal; closed if it has none. */
  Fd terminal{};
};

struct Visit;

/** What a child is made for. */
struct Errand {
  Part part;
  /** Of a companion: what it is to be, and its cgroup. */
  const Visit *visit = nullptr;
  int cgroup = -1;
};

/** `ours` is read by the init and never blocks it; the app's end is an ordinary pipe. */
Outcome<> make_pipe_to_init(Fd &ours, Fd &theirs);
/** uid and gid of the app, which own its pipes: else it could not reopen them as /dev/stdout. */
Outcome<> give_pipe(const Users &users, const App &app, const Fd &pipe);
/** clone3(2) for a process of the app: into its cgroup, if that can still be done so. 0 in the child. */
Outcome<long> clone_into_app(const App &app, uint64_t flags);

/** The child, up to its exec. Nothing in it returns to the init's code. */
[[noreturn]] void run_child(Pod &pod, App &app, const Errand &errand, const ChildFiles &files);

/** Its system calls are filtered. */
bool has_filter(const App &app);

}  // namespace podctl
