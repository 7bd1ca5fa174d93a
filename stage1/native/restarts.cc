#include "restarts.h"

#include "clock.h"

namespace podctl {

bool is_restarted(const App &app) {
  if (app.restart == nullptr || app.stop != App::Stop::none) return false;
  const uint64_t limit = app.restart->number(3);
  if (limit != 0 && app.restarts_in_row >= limit) return false;
  const Text policy = (*app.restart)[0];
  if (app.reason == Reason::unhealthy) return (*app.check)[0] != "stop";
  const bool is_failure = app.exit_status != 0 && app.reason != Reason::stopped;
  return policy == "always" || (policy == "on-failure" && is_failure);
}

uint64_t pause_of(const App &app) {
  uint64_t pause = app.restart->number(1);
  const uint64_t longest = app.restart->number(2);
  for (uint32_t i = 0; i < app.restarts_in_row && pause < longest; ++i) pause *= 2;
  return pause < longest ? pause : longest;
}

bool has_run_well(const App &app) {
  const bool was_never_good = app.reason == Reason::unhealthy && !app.health.was_good;
  if (app.restart == nullptr || app.started_ms == 0 || was_never_good) return false;
  return monotonic_ms() - app.started_ms > app.restart->number(2);
}

}  // namespace podctl
