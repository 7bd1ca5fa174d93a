#include "notify.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel.h"
#include "message.h"
#include "unix_socket.h"

namespace podctl {
namespace {

/** How long systemd may take to answer a barrier. It usually takes less than a millisecond. */
constexpr sys::Time kBarrierPatience{30, 0};

}  // namespace

Outcome<Fd> connect_notify(const char *const envp[]) {
  constexpr Text kName = "NOTIFY_SOCKET=";
  for (size_t i = 0; envp[i] != nullptr; ++i) {
    const Text entry = envp[i];
    if (entry.starts_with(kName)) return connect_unix(entry.from(kName.size), kSockDgram);
  }
  return Fd();
}

Outcome<> notify(const Fd &socket, Text state) {
  if (!socket.is_open()) return kDone;
  TRY(check(sys::send(socket.get(), state.data, state.size, kMsgNoSignal), "send", "$NOTIFY_SOCKET"));
  return kDone;
}

Outcome<Fd> send_barrier(const Fd &socket) {
  constexpr Text kState = "BARRIER=1";
  int ends[2];
  TRY(check(sys::pipe2(ends, O_CLOEXEC), "pipe2"));
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  IoVector vector{kState.data, kState.size};
  Rights rights;
  rights.fd = theirs.get();
  Message message;
  message.vectors = &vector;
  message.vector_count = 1;
  message.control = &rights;
  message.control_size = sizeof rights;
  TRY(check(sys::sendmsg(socket.get(), &message, kMsgNoSignal), "sendmsg", "$NOTIFY_SOCKET"));
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
