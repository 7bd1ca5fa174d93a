// Stream and datagram sockets in the file system.
#pragma once

#include "error.h"
#include "fd.h"
#include "sys.h"

namespace podctl {

/** Connects to `path`: absolute, relative to the working directory, or abstract with a leading '@'. */
Outcome<Fd> connect_unix(Text path, int type);

/** Makes a socket at `path`, as above. */
Outcome<Fd> bind_unix(Text path, int type);

/** A pair of sockets that keep messages apart; `ours` never blocks. */
Outcome<> make_socket_pair(Fd &ours, Fd &theirs);

/** One message. */
struct Received {
  /** Empty if the other side has left. */
  Text bytes{};
  /** What came beside them; closed if nothing did. */
  Fd file{};
  /** More files came, and were closed. */
  bool has_lost_files = false;
};

/** Takes the next message, of which what is longer than `size` is lost. Never blocks: the result is that of recvmsg(2). */
sys::Result receive_message(const Fd &socket, char *buffer, size_t size, Received &received);

/** The file that comes with the next message; closed if there is none. */
Outcome<Fd> receive_file(const Fd &socket);

/** Sends one message, with `file` beside it if that is open. `object` is what the socket leads to, for a failure. */
Outcome<> send_message(const Fd &socket, Text text, const Fd &file, Text object);

}  // namespace podctl
