// The verbs `attach` and `foreground`: this process becomes the caller's side of an app's input, output or terminal.
#pragma once

namespace podctl {

/** `attach PODDIR APP ENDPOINTS [--leave HEX]`: joins an app that runs. Returns the exit status. */
int attach(int count, const char *const words[]);

/** `foreground FD PODDIR [--input] [--terminal] [--leave HEX]`: goes on with the connection that the role `caller` was. */
int foreground(int count, const char *const words[]);

}  // namespace podctl
