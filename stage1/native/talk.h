// The caller's side of a connection to an app: what it says and hears, until it leaves or the app does.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

struct Talk {
  /** The command of podctl's that messages name. */
  Text caller = "attach";
  Fd socket{};
  /** The pod's. */
  Fd directory{};
  /** The pod's init; closed if it has ended already. */
  Fd init{};
  /** For whom the pod runs: a signal stops the pod, and a second one kills it. Otherwise it ends the talk. */
  bool is_owner = false;
  bool gives_input = false;
  /** The app has a terminal: the caller's passes every key through, and its size is the app's. */
  bool has_terminal = false;
  /** What leaves, typed in a row; empty: nothing does. */
  Text leaving_keys{};
};

/** Blocks the signals that `hold_talk` reads. */
void block_talk_signals();

/** Returns the exit status: what the other side says, 0 for a visitor that leaves by its keys, 128+n for one that signal n ended. */
Outcome<int> hold_talk(Talk &talk);

}  // namespace podctl
