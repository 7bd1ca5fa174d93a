// PID 1 of the pod.
#pragma once

#include "pod.h"

namespace podctl {

/** Sets the pod up, runs its apps, and ends the process with the pod's exit status. */
[[noreturn]] void run_init(Pod &pod);

}  // namespace podctl
