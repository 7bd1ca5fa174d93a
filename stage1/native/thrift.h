// Memory that an idle pod does not need.
#pragma once

namespace podctl {

/** Gives back what the set-up has used and the supervisor's loop will not. Needed again, it comes back by itself. */
void forget_setup();

}  // namespace podctl
