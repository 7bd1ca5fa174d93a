#include "wiring.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "app.h"
#include "files.h"
#include "terminal.h"
#include "unix_socket.h"

namespace podctl {
namespace {

/** What comes out of a `stream` goes to whoever wants it fast, and not to the journal. */
constexpr size_t kFastBuffer = 32 * 1024;

Outcome<> make_nonblocking(const Fd &file) {
  TRY(check(sys::fcntl(file.get(), F_SETFL, O_NONBLOCK), "fcntl"));
  return kDone;
}

Outcome<> wire_output(Pod &pod, const App &app, Stdio kind, Stream &stream, Sink &caller, Fd &theirs) {
  if (kind == Stdio::null) return kDone;
  stream.caller = caller.fd.is_open() ? &caller : nullptr;
  if (stream.buffer == nullptr) {
    stream.capacity = kind == Stdio::stream ? kFastBuffer : kStreamBuffer;
    stream.buffer = static_cast<char *>(pod.arena.bytes(stream.capacity));
  }
  if (kind == Stdio::tty) return kDone;
  TRY(make_pipe(stream.pipe, theirs));
  TRY(make_nonblocking(stream.pipe));
  return give_pipe(pod.users, app, theirs);
}

Outcome<> wire_input(Pod &pod, App &app, Fd &theirs) {
  app.in.start = app.in.end = 0;
  app.in.is_ended = false;
  app.in.is_over = app.stdio[0] == Stdio::null;
  if (app.stdio[0] != Stdio::stream) return kDone;
  TRY(make_pipe(theirs, app.in.to));
  TRY(make_nonblocking(app.in.to));
  return give_pipe(pod.users, app, theirs);
}

}  // namespace

Outcome<> wire(Pod &pod, App &app, Ends &ends) {
  if (app.is_wired) return kDone;
  TRY(wire_input(pod, app, ends.in));
  TRY(wire_output(pod, app, app.stdio[1], app.out, pod.output, ends.out));
  // A terminal that is also stderr comes out of `out`.
  TRY(wire_output(pod, app, app.stdio[2] == Stdio::tty ? Stdio::null : app.stdio[2], app.err, pod.errors, ends.err));
  app.is_wired = true;
  if (!app.has_many_processes()) return kDone;
  app.in_end = static_cast<Fd &&>(ends.in);
  app.out_end = static_cast<Fd &&>(ends.out);
  app.err_end = static_cast<Fd &&>(ends.err);
  return kDone;
}

Outcome<> await_terminal(App &app, Fd &theirs) {
  if (!app.has_terminal()) return kDone;
  return make_socket_pair(app.terminal.link, theirs);
}

Outcome<> make_terminal(const App &app, int link, uint32_t owner) {
  const TerminalPair pair = TRY(open_terminal(-1, owner));
  set_window_size(pair.master.get(), app.terminal.rows, app.terminal.columns);
  Fd socket(link);
  TRY(send_message(socket, "t", pair.master, "the terminal"));
  for (int i = 0; i < 3; ++i) {
    if (app.stdio[i] == Stdio::tty) TRY(check(sys::dup3(pair.slave.get(), i, 0), "dup3"));
  }
  return kDone;
}

Outcome<> receive_terminal(App &app) {
  Outcome<Fd> master = receive_file(app.terminal.link);
  app.terminal.link.close();
  if (!master.ok()) return master.failure;
  if (!master.value.is_open()) return kDone;  // the child has failed, and says why elsewhere
  const auto flags = reinterpret_cast<void *>(static_cast<uintptr_t>(O_RDWR | O_NOCTTY | O_CLOEXEC));
  app.terminal.slave = Fd(TRY(check(sys::ioctl(master.value.get(), TIOCGPTPEER, flags), "ioctl", "TIOCGPTPEER")));
  set_window_size(master.value.get(), app.terminal.rows, app.terminal.columns);  // it may have changed meanwhile
  if (app.stdio[0] == Stdio::tty) app.in.to = Fd(TRY(check(sys::fcntl(master.value.get(), F_DUPFD_CLOEXEC, 0), "fcntl")));
  app.terminal.next = static_cast<Fd &&>(master.value);
  follow_terminal(app);
  return kDone;
}

void follow_terminal(App &app) {
  if (app.terminal.next.is_open() && !app.out.pipe.is_open()) app.out.pipe = static_cast<Fd &&>(app.terminal.next);
}

void leave_terminal(App &app) {
  app.terminal.link.close();
  app.terminal.slave.close();
  if (app.stdio[0] == Stdio::tty) app.in.pause();
}

void unwire(App &app) {
  app.is_wired = false;
  app.in_end.close();
  app.out_end.close();
  app.err_end.close();
  app.in.close();
}

}  // namespace podctl
