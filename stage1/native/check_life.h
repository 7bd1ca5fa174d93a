// Checks of the operations about an app's life and the pod's end.
#pragma once

#include "plan.h"

namespace podctl {

/** Null, or what is wrong with `op`, one of `plan`'s. */
const char *fault_of_life(const Plan &plan, const Op &op);

}  // namespace podctl
