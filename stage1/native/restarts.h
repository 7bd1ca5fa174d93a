// Whether an app whose run has ended begins another one by itself, and when.
#pragma once

#include "pod.h"

namespace podctl {

bool is_restarted(const App &app);

/** Milliseconds before the next restart: twice as many after each in a row, up to the longest. */
uint64_t pause_of(const App &app);

/** Its run was longer than the longest pause, and good for something: the next restart is the first of a row. */
bool has_run_well(const App &app);

}  // namespace podctl
