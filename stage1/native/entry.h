// Entries of the init's own in the journal: what happened to the pod, and to which app of it.
#pragma once

#include "pod.h"

namespace podctl {

enum class Event : uint8_t {
  app_started,
  app_ready,
  app_restarting,
  app_exited,
  app_oom,
  handler_failed,
  app_healthy,
  app_unhealthy,
  output_lost,
  started,
  stopping,
  exited,
};

struct EventName {
  Event event;
  const char *name;
  /** MESSAGE_ID, as in stage0/systemd/journal-events.ts: a test holds the two tables against each other. */
  const char *id;
};

extern const EventName kEvents[];
extern const size_t kEventCount;

/** Makes an entry about an app; nothing without a journal, and what goes wrong with it is not worth more than the entry. */
void enter(Pod &pod, Event event, const App &app);
/** So many processes of the app were killed for want of memory since it was started. */
void enter_oom(Pod &pod, const App &app, uint64_t count);
/** So many bytes of the app's output did not go to the journal. */
void enter_loss(Pod &pod, const App &app, uint64_t bytes);
/** `started` or `stopping`. */
void enter(Pod &pod, Event event);
/** How the pod ended: `reason` is "exit", "stopped", or "start" if it did not come up. */
void enter_end(Pod &pod, Text reason, int exit_status);

}  // namespace podctl
