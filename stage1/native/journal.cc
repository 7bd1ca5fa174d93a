#include "journal.h"

#include <linux/fcntl.h>

#include "files.h"
#include "kernel.h"
#include "unix_socket.h"

namespace podctl {

Outcome<Fd> open_journal() { return open_at(AT_FDCWD, "/run/systemd/journal", kOpenDirectory); }

namespace {

/** Changes the working directory to the root. */
Outcome<Fd> connect_below(const Fd &journal, Text name, int type) {
  TRY(check(sys::fchdir(journal.get()), "fchdir", "/run/systemd/journal"));
  Outcome<Fd> socket = connect_unix(name, type);
  TRY(check(sys::chdir("/"), "chdir", "/"));
  return socket;
}

}  // namespace

void send_entry(const Fd &journal, Text entry) {
  const Outcome<Fd> socket = connect_below(journal, "socket", kSockDgram);
  // ignored: the entry says what others tell, too, and an app must not wait for a journal that is away or busy
  if (socket.ok()) static_cast<void>(sys::send(socket.value.get(), entry.data, entry.size, kMsgDontWait | kMsgNoSignal));
}

Outcome<Sink> open_journal_stream(const Fd &journal, Text identifier, Text unit, int priority) {
  Outcome<Fd> socket = connect_below(journal, "stdout", kSockStream);
  if (!socket.ok()) return socket.failure;
  // Identifier, unit, priority, whether "<4>" at the start of a line is a priority, and three ways of forwarding, unused.
  Buffer<768> header;
  header << identifier << '\n' << unit << '\n' << priority << "\n1\n0\n0\n0\n";
  if (header.overflowed()) return problem("too long for a journal stream", unit);
  TRY(check(sys::send(socket.value.get(), header.text().data, header.text().size, kMsgNoSignal), "send",
            "/run/systemd/journal/stdout"));
  Sink sink;
  sink.fd = static_cast<Fd &&>(socket.value);
  sink.kind = Sink::Kind::socket;
  return sink;
}

}  // namespace podctl
