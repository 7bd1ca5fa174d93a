// A start in a unit of the user's as it was the last time (README.md): the same decisions, since all that they were made from is
// as it was, and so no Node.
#pragma once

#include "error.h"

namespace podctl {

/**
 * Becomes the pod's executor if the last start of this unit left a record of itself, and nothing that it saw has changed. Returns
 * only with a failure, whose one meaning is that Node has to do it: what was begun is what a start that was killed leaves.
 */
Outcome<> replay(int argc, const char *const argv[], const char *const envp[]);

}  // namespace podctl
