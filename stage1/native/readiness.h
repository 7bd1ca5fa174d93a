// How an app says that it is ready: its own notify socket (sd_notify(3)), whose messages the init filters.
#pragma once

#include "mounts.h"
#include "pod.h"

namespace podctl {

/** Makes the app's socket in the pod-level root, where no app can reach it. */
Outcome<Fd> make_readiness_socket(const App &app);

/** Shows the socket at `path` in the app's root: whoever can write to it is in that app. */
Outcome<> show_readiness_socket(const Places &places, const App &app, Text path);

/** What is listened to in an app's messages. All else (MAINPID=, STOPPING=, FDSTORE=, …) is about a service, and dropped. */
struct Said {
  bool ready = false;
  /** RELOADING=1 was the last word, not READY=1. */
  bool is_reloading = false;
  /** WATCHDOG=1, and =trigger. */
  bool has_pinged = false;
  bool is_hopeless = false;
  /** EXTEND_TIMEOUT_USEC=, 0 for none. */
  uint64_t extension = 0;
  /** The last STATUS= in characters that can be shown anywhere; empty if there was none. */
  Text status{};
};

/** Longest part of an app's STATUS= that is passed on. */
constexpr size_t kMaxSaid = 128;

/** Reads what waits in the app's socket, up to a limit. `buffer` has kMaxSaid bytes for the status. */
Said read_said(const App &app, char *buffer);

}  // namespace podctl
