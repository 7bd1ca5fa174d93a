// The pod's network namespace, as far as stage1 sets it up.
#pragma once

#include "error.h"

namespace podctl {

/** Brings up `lo`. */
Outcome<> bring_up_loopback();

}  // namespace podctl
