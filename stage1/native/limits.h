// What a process is limited to by itself, beside its cgroup: resource limits, and its place in the order of the OOM killer.
#pragma once

#include "identity.h"

namespace podctl {

/** Whether `op`, a `rlimit`, names a resource and two limits of it. */
bool is_rlimit(const Op &op);
/** Whether `value` is a number from -1000 to 1000. */
bool is_oom_score(Text value);

/**
 * Limits the calling process as `identity` says. With the host's capabilities, hence before it joins a user namespace or gives
 * them up; and as late as that, since a low limit would hinder the set-up. Needs a /proc of its PID namespace.
 */
Outcome<> limit_process(const Identity &identity);

}  // namespace podctl
