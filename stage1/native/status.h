// The files status/APP of the contract, and the words for how an app ended.
#pragma once

#include "error.h"
#include "pod.h"

namespace podctl {

/** As in status files and journal entries. */
Text reason_name(const App &app);

/** Records the state of `app` for whoever reads the pod's directory. */
Outcome<> write_status(const Pod &pod, const App &app);

}  // namespace podctl
