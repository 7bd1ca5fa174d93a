#include "ask.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "clock.h"
#include "control.h"
#include "files.h"
#include "kernel.h"
#include "message.h"
#include "report.h"
#include "unix_socket.h"

namespace podctl {
namespace {

constexpr int kRefused = 1;
/** `start`, `stop` and `restart` take as long as the app takes; all else is answered at once by an init that is well. */
constexpr int64_t kPatienceMs = 10000;

int fail(Failure &failure) {
  if (failure.operation.empty()) failure.operation = "control";
  complain(failure);
  return kOwnFailure;
}

Outcome<int> converse(int count, const char *const words[]) {
  const Fd directory = TRY(open_at(AT_FDCWD, words[0], kOpenDirectory));
  const Fd connection = TRY(connect_control(directory));
  Buffer<kMaxRequest> request;
  for (int i = 1; i < count; ++i) request << (i == 1 ? "" : " ") << words[i];
  if (request.overflowed()) return problem("longer than a request can be");
  TRY(ask(connection, request.text(), Fd()));
  const Text verb = words[1];
  const int64_t patience = verb == "start" || verb == "stop" || verb == "restart" ? -1 : kPatienceMs;
  for (;;) {
    char buffer[kMaxAnswer];
    Text answer = TRY(hear_answer(connection, buffer, patience));
    const bool is_more = answer.starts_with("more");
    if (is_more) {
      static_cast<void>(split(answer, '\n'));
    }
    write_all(1, answer);
    write_all(1, "\n");
    if (!is_more) return answer.starts_with("ok") ? 0 : kRefused;
  }
}

}  // namespace

Outcome<Fd> connect_control(const Fd &directory) {
  Buffer<64> path;
  path << "/proc/self/fd/" << directory.get() << "/control";
  Outcome<Fd> socket = connect_unix(path.text(), kSockSeqpacket);
  if (socket.ok()) return socket;
  const bool is_over = socket.failure->error == ECONNREFUSED || socket.failure->error == ENOENT;
  return Failure{socket.failure->syscall, socket.failure->error, "control", is_over ? "the pod is not running" : ""};
}

Outcome<long> init_of(const Fd &connection) {
  Credentials peer;
  uint32_t size = sizeof peer;
  TRY(check(sys::getsockopt(connection.get(), kSolSocket, kPeerCredentials, &peer, &size), "getsockopt", "control"));
  return long{peer.pid};
}

Outcome<> ask(const Fd &connection, Text request, const Fd &file) {
  return send_message(connection, request, file, "control");
}

Outcome<Text> hear_answer(const Fd &connection, char *buffer, int64_t patience_ms) {
  pollfd poll{connection.get(), POLLIN, 0};
  const sys::Time timeout = time_of(patience_ms);
  sys::Result ready;
  do {
    ready = sys::ppoll(&poll, 1, patience_ms < 0 ? nullptr : &timeout);
  } while (ready == -EINTR);
  if (TRY(check(ready, "ppoll", "control")) == 0) return problem("the pod's init does not answer", "control");
  const long got = TRY(check(sys::recv(connection.get(), buffer, kMaxAnswer, 0), "recvfrom", "control"));
  if (got == 0) return problem("the pod has ended", "control");
  return Text(buffer, static_cast<size_t>(got));
}

int control(int count, const char *const words[]) {
  const Outcome<int> status = converse(count, words);
  return status.ok() ? status.value : fail(*status.failure);
}

}  // namespace podctl
