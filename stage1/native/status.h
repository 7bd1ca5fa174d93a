// The files status/APP of the contract.
#pragma once

#include "error.h"
#include "pod.h"

namespace podctl {

/** Records the state of `app` for whoever reads the pod's directory. */
Outcome<> write_status(const Pod &pod, const App &app);

}  // namespace podctl
