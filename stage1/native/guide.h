// From the host into an app: the guide and the command of `enter` (enter.h).
#pragma once

#include "enter.h"

namespace podctl {

/**
 * Makes the guide, which makes the command, and waits until that is born or has failed to be.
 * Born::pid is 0 after a failure, whose words are in `entry.report_in`.
 */
Outcome<Born> send_guide(Entry &entry);

}  // namespace podctl
