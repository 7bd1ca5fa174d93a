// The pod's cgroups (v2, delegated by systemd): UNIT/supervisor holds the init, UNIT/apps/… the apps.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** Leaves the unit's own cgroup for `supervisor`, and enables every controller for `apps`, which is returned. */
Outcome<Fd> enter_supervisor();

/** Makes `name` in `apps`, anew if it is there. */
Outcome<Fd> make_app_cgroup(const Fd &apps, Text name);

/** Writes a limit; the failure names the controller that this host does not give. */
Outcome<> set_limit(const Fd &cgroup, Text file, Text value);

/** SIGKILL to every process in `cgroup` and below it. */
Outcome<> kill_cgroup(const Fd &cgroup);

}  // namespace podctl
