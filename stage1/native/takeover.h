// Open files that the launcher takes over: from another process, or from the one that exec'd it.
#pragma once

#include "pod.h"

namespace podctl {

/** Closes every inherited file but 0 to 2 and those that the plan names. */
Outcome<> close_strays(const Plan &plan);

/** Closes those that `inherit` has made copies of: the end of `caller` must be the end of all copies. */
void close_originals(const Plan &plan);

Outcome<> adopt(Pod &pod, const Op &op);
Outcome<> inherit(Pod &pod, const Op &op);

}  // namespace podctl
