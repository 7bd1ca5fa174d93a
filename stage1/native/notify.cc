#include "notify.h"

#include <asm/poll.h>
#include <linux/errno.h>

#include "files.h"
#include "kernel.h"
#include "unix_socket.h"

namespace podctl {
namespace {

/** How long systemd may take to answer a barrier. It usually takes less than a millisecond. */
constexpr sys::Time kBarrierPatience{30, 0};

}  // namespace

Text variable_in(const char *const envp[], Text name) {
  for (size_t i = 0; envp[i] != nullptr; ++i) {
    const Text entry = envp[i];
    if (entry.starts_with(name)) return entry.from(name.size);
  }
  return {};
}

Outcome<Fd> connect_notify(const char *const envp[]) {
  const Text path = variable_in(envp, "NOTIFY_SOCKET=");
  return path.empty() ? Outcome<Fd>(Fd()) : connect_unix(path, kSockDgram);
}

uint64_t watchdog_ms_of(const char *const envp[]) {
  uint64_t microseconds = 0;
  return parse_decimal(variable_in(envp, "WATCHDOG_USEC="), microseconds) ? microseconds / 1000 : 0;
}

Outcome<> notify(const Fd &socket, Text state) {
  if (!socket.is_open()) return kDone;
  TRY(check(sys::send(socket.get(), state.data, state.size, kMsgNoSignal), "send", "$NOTIFY_SOCKET"));
  return kDone;
}

Outcome<Fd> send_barrier(const Fd &socket) {
  constexpr Text kState = "BARRIER=1";
  Fd ours;
  Fd theirs;
  TRY(make_pipe(ours, theirs));
  TRY(send_message(socket, kState, theirs, "$NOTIFY_SOCKET"));
  return ours;
}

Outcome<> await_barrier(const Fd &barrier) {
  pollfd poll{barrier.get(), 0, 0};
  sys::Result ready;
  do {
    ready = sys::ppoll(&poll, 1, &kBarrierPatience);
  } while (ready == -EINTR);
  if (TRY(check(ready, "ppoll", "$NOTIFY_SOCKET")) == 0) return problem("systemd did not answer BARRIER=1 in time");
  return kDone;
}

}  // namespace podctl
