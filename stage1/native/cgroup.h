// The pod's cgroups (v2, delegated by systemd): UNIT/supervisor holds the init, UNIT/apps/… the apps.
#pragma once

#include "error.h"
#include "fd.h"
#include "plan.h"

namespace podctl {

/** Companions that an app can have at a time (companion.h). */
constexpr uint32_t kMaxCompanions = 16;

struct Cgroups {
  /** systemd's, named after the unit: its attributes are not ours but for subtree_control. */
  Fd unit{};
  /** The init is made in it: to move a process makes the kernel wait for milliseconds. */
  Fd supervisor{};
  Fd apps{};
};

/** The cgroup of the unit whose pod's init is the process `pid`. */
Outcome<Fd> open_unit_of(long pid);

/** Makes what is missing below the unit's cgroup. */
Outcome<Cgroups> make_cgroups();

/**
 * Enables for the apps the controllers that limits of `plan` need and the host has (set_limit() tells what is missing), in one
 * write: a threaded one enabled alone would turn the cgroup into one that cannot have the others. If there are any, the calling
 * launcher moves to `supervisor` first. The kernel may wait milliseconds for that, so the init sets its mounts up meanwhile.
 */
Outcome<> enable_controllers(const Cgroups &cgroups, const Plan &plan);

/** Makes `name` in `apps`, anew if it is there. */
Outcome<Fd> make_app_cgroup(const Fd &apps, Text name);

/** Removes `name` of `apps` with what companions have left there; one that is not there is fine. */
Outcome<> remove_app_cgroup(const Fd &apps, Text name);

/** Makes the cgroup of a companion in that of its app. */
Outcome<Fd> make_companion_cgroup(const Fd &app, uint32_t number);
/** Removes it, unless something in it is still about to end. */
void remove_companion_cgroup(const Fd &app, uint32_t number);

/** False if `cgroup` was told to stand still, or one above it. */
bool is_moving(const Fd &cgroup);

/** Writes a limit; the failure names the controller that this host does not give. */
Outcome<> set_limit(Arena &arena, const Fd &cgroup, Text file, Text value);

/** False if nothing is left in `cgroup`, dead processes apart. */
bool is_populated(const Fd &cgroup);
/** Waits until nothing is left in it, for so many milliseconds at most. */
void await_empty(const Fd &cgroup, uint64_t milliseconds);

/** How many of its processes the kernel has killed for memory, ever; 0 without the memory controller. */
uint64_t count_oom_kills(const Fd &cgroup);

/** Lets the processes of a cgroup go on that were stopped by its freezer. */
Outcome<> thaw_cgroup(const Fd &cgroup);

/** SIGKILL to every process in `cgroup` and below it. */
Outcome<> kill_cgroup(const Fd &cgroup);

}  // namespace podctl
