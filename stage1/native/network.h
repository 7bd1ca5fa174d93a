// The pod's network namespace, as far as stage1 sets it up.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** Brings up `lo`. */
Outcome<> bring_up_loopback();

/** Opens the file of a network namespace, as `ip netns` makes them. */
Outcome<Fd> open_network(Text path);

}  // namespace podctl
