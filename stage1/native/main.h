// The verbs of podctl-stage1 (stage1/README.md).
#pragma once

namespace podctl {

/** Performs one verb and returns the exit status, unless the verb replaces or ends the process. */
int run(int argc, const char *const argv[], const char *const envp[]);

}  // namespace podctl
