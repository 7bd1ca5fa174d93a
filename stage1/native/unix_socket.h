// Stream and datagram sockets in the file system.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** Connects to `path`: absolute, relative to the working directory, or abstract with a leading '@'. */
Outcome<Fd> connect_unix(Text path, int type);

/** Makes a socket at `path`, as above. */
Outcome<Fd> bind_unix(Text path, int type);

}  // namespace podctl
