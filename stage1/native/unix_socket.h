// Stream and datagram sockets in the file system.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** Connects to `path`: absolute, relative to the working directory, or abstract with a leading '@'. */
Outcome<Fd> connect_unix(Text path, int type);

/** Makes a socket at `path`, as above. */
Outcome<Fd> bind_unix(Text path, int type);

/** A pair of sockets that keep messages apart; `ours` never blocks. */
Outcome<> make_socket_pair(Fd &ours, Fd &theirs);

/** The file that comes with the next message; closed if there is none. */
Outcome<Fd> receive_file(const Fd &socket);

/** Sends one message, with `file` beside it if that is open. `object` is what the socket leads to, for a failure. */
Outcome<> send_message(const Fd &socket, Text text, const Fd &file, Text object);

}  // namespace podctl
