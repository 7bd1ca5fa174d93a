// The launcher: the unit's first process, which makes the pod's init, hands the unit over to it and leaves.
#pragma once

namespace podctl {

/** Performs the plan at `path`. Returns the exit status; in the init's process it does not return. */
int launch(const char *path, const char *const envp[]);

}  // namespace podctl
