// Sessions of the bus façade: a command or a shell in an app, between a terminal of the pod's and one of the app's. What
// brings the command into the app, under all that confines it, is what `enter` does it with.
#pragma once

#include "transient.h"
#include "units.h"

namespace podctl {

/** What a session is made of. */
struct Session {
  /** Null: a login, which asks for the app. */
  const App *app = nullptr;
  const Transient *what = nullptr;
  /** Borrowed, as in Transient; −1: none. */
  int files[3] = {-1, -1, -1};
};

/** Starts a session: a process of its own, the init's child. A failure if its command could not be executed. */
Outcome<> start_session(const Premises &premises, const Session &session);

}  // namespace podctl
