// Entries of the init's own in the journal: what happened to which app.
#pragma once

#include "pod.h"

namespace podctl {

enum class Event : uint8_t { app_ready, app_restarting, app_exited, handler_failed, app_healthy, app_unhealthy };

struct EventName {
  Event event;
  const char *name;
  /** MESSAGE_ID, as in stage0/systemd/journal-events.ts: a test holds the two tables against each other. */
  const char *id;
};

extern const EventName kEvents[];
extern const size_t kEventCount;

/** Makes an entry; nothing without a journal, and what goes wrong with it is not worth more than the entry. */
void enter(const Pod &pod, Event event, const App &app);

}  // namespace podctl
