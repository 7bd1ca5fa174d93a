#include "readiness.h"

#include <linux/fcntl.h>

#include "files.h"
#include "kernel.h"
#include "paths.h"
#include "unix_socket.h"

namespace podctl {
namespace {

constexpr Text kSockets = "/run/ready";

/** Messages read in one go; more wait in the socket, which is full after a few. */
constexpr int kMostMessages = 16;
constexpr size_t kMostBytes = 4096;

/** Under the name of the app's cgroup, which no other app of the pod has. */
void put_path(Writer &path, const App &app) { path << kSockets << '/' << app.cgroup_name; }

/** `text` in printable ASCII: systemd ignores a message that is not UTF-8, and a terminal may show what this becomes. */
Text printable(Text text, char *buffer) {
  const size_t size = text.size < kMaxSaid ? text.size : kMaxSaid;
  for (size_t i = 0; i < size; ++i) buffer[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
  return {buffer, size};
}

void hear(Said &said, Text message, char *buffer) {
  constexpr Text kStatus = "STATUS=";
  constexpr Text kExtend = "EXTEND_TIMEOUT_USEC=";
  while (!message.empty()) {
    const Text line = split(message, '\n');
    if (line == "READY=1") said.ready = true;
    if (line == "READY=1" || line == "RELOADING=1") said.is_reloading = line == "RELOADING=1";
    if (line == "WATCHDOG=1") said.has_pinged = true;
    if (line == "WATCHDOG=trigger") said.is_hopeless = true;
    if (line.starts_with(kExtend) && !parse_decimal(line.from(kExtend.size), said.extension)) said.extension = 0;
    if (line.starts_with(kStatus)) said.status = printable(line.from(kStatus.size), buffer);
  }
}

}  // namespace

Outcome<Fd> make_readiness_socket(const App &app) {
  // Bound under a short name: that of an app may be longer than a socket's address can be.
  constexpr Text kNew = "/run/ready/.new";
  TRY(ensure_directory(AT_FDCWD, "/run", 0755));
  TRY(ensure_directory(AT_FDCWD, kSockets, 0700));
  Fd socket = TRY(bind_unix(kNew, kSockDgram | kSockNonblock));
  // Whoever the app runs as may write to it; that nobody else can is what the directory and the app's root are for.
  TRY(check(sys::fchmodat(AT_FDCWD, kNew.c_str(), 0666), "fchmodat", kNew));
  Buffer<300> path;
  put_path(path, app);
  TRY(check(sys::renameat2(AT_FDCWD, kNew.c_str(), AT_FDCWD, path.c_str(), 0), "renameat2", path.text()));
  return socket;
}

Outcome<> show_readiness_socket(const Places &places, const App &app, Text path) {
  Buffer<300> source;
  put_path(source, app);
  return bind_file(places, source.text(), path);
}

Said read_said(const App &app, char *buffer) {
  Said said;
  for (int i = 0; i < kMostMessages; ++i) {
    char message[kMostBytes];
    // Descriptors that come with a message (BARRIER=1) are closed by the kernel, since no room is offered for them.
    const sys::Result got = sys::recv(app.readiness.get(), message, sizeof message, kMsgDontWait | kMsgTruncate);
    if (sys::failed(got)) return said;
    const auto size = static_cast<size_t>(got);
    if (size <= sizeof message) hear(said, Text(message, size), buffer);
  }
  return said;
}

}  // namespace podctl
