// What an app's files 0 to 2 are: pipes from and to the init, a terminal, or nothing (docs/stdio.md).
#pragma once

#include "pod.h"

namespace podctl {

/** The app's ends of its pipes. */
struct Ends {
  Fd in{};
  Fd out{};
  Fd err{};
};

/**
 * Makes the app's pipes, if they are not there: they last for all its runs. The ends close with `ends`, unless further processes
 * are to have them: then the app keeps them.
 */
Outcome<> wire(Pod &pod, App &app, Ends &ends);

/** Makes ready for the terminal of the app's next process. `theirs` is what its child sends it through. */
Outcome<> await_terminal(App &app, Fd &theirs);

/**
 * In the child, once it sees what the app sees: makes the terminal in the app's /dev/pts, owned by `owner`, sends it through
 * `link` and puts it in the place of the files that it is.
 */
Outcome<> make_terminal(const App &app, int link, uint32_t owner);

/** The terminal of the app's process has come: its output is read, and input goes there. */
Outcome<> receive_terminal(App &app);
/** Turns to the terminal of the next process once the last one has ended and all of its output was read. */
void follow_terminal(App &app);
/** The process has ended that had the terminal. */
void leave_terminal(App &app);
/** The app is over: nothing is said to it any more. */
void unwire(App &app);

}  // namespace podctl
