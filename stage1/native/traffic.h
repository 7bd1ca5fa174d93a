// How much the pod's interfaces send and receive: tc-tbf(8) for what leaves, a policer for what comes.
#pragma once

#include "error.h"

namespace podctl {

/** Limits each interface of the calling process's network namespace but `lo`, in either direction. */
Outcome<> limit_bandwidth(uint64_t bytes_per_second);

}  // namespace podctl
