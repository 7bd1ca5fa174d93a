// Starting an app: its cgroup, its journal streams and its child, up to the exec.
#pragma once

#include "pod.h"

namespace podctl {

/** Finds the apps' sections in the pod's plan. */
void find_apps(Pod &pod);

/** Starts one app's child, which goes on by itself; app.start_report tells how that ended. */
Outcome<> start_app(Pod &pod, App &app);

}  // namespace podctl
