// Who is connected to the control socket, and for how long.
#include <linux/errno.h>

#include "clock.h"
#include "control.h"
#include "kernel.h"
#include "message.h"
#include "report.h"
#include "supervise.h"

namespace podctl {
namespace {

/** How long a connection may be silent before it asks for something. */
constexpr uint64_t kPatienceMs = 5000;
/** The same when all places are taken: others may be waiting for one. */
constexpr uint64_t kHurriedMs = 500;
/** So many may wait for an app at a time. */
constexpr size_t kMaxWaiting = kMaxConnections * 3 / 4;

/** The host's root: a process of the pod has a number in the pod's PID namespace, and the pod's root is another's user. */
bool is_of_host(const Fd &socket) {
  Credentials peer;
  uint32_t size = sizeof peer;
  const sys::Result got = sys::getsockopt(socket.get(), kSolSocket, kPeerCredentials, &peer, &size);
  return got == 0 && peer.uid == 0 && peer.pid == 0;
}

}  // namespace

uint64_t Control::deadline() const {
  uint64_t soonest = 0;
  for (const Connection &connection : connections_) {
    const uint64_t end_ms = end_of(connection);
    if (end_ms != 0 && (soonest == 0 || end_ms < soonest)) soonest = end_ms;
  }
  return soonest;
}

bool Control::is_full() const {
  for (size_t i = 0; i < kMaxConnections; ++i) {
    if (!connections_[i].socket.is_open()) return false;
  }
  return true;
}

bool Control::may_wait(const Connection &connection) const {
  size_t waiting = 0;
  for (const Connection &other : connections_) waiting += !other.is_own && other.wait != Wait::request ? 1 : 0;
  return connection.is_own || waiting < kMaxWaiting;
}

/** When its silence ends it; 0: it does not. */
uint64_t Control::end_of(const Connection &connection) const {
  if (connection.deadline == 0 || !is_full()) return connection.deadline;
  return connection.since + kHurriedMs;
}

void Control::set_patience(Connection &connection) {
  connection.since = monotonic_ms();
  connection.deadline = connection.is_own ? 0 : connection.since + kPatienceMs;
}

/** One caller of the façade at a time: each is a process. */
void Control::receive() {
  supervisor_.note_work();
  for (size_t i = kMaxConnections; i < kMaxConnections + kMaxCallers; ++i) {
    if (connections_[i].socket.is_open()) continue;
    Outcome<Fd> caller = receive_caller(pod_);
    if (!caller.ok()) warn(pod_, *caller.failure);
    connections_[i].socket = static_cast<Fd &&>(caller.value);
    connections_[i].is_own = true;
    return;
  }
}

void Control::accept() {
  for (size_t i = 0; i < kMaxConnections; ++i) {
    Connection &connection = connections_[i];
    if (connection.socket.is_open()) continue;
    const sys::Result got = sys::accept4(pod_.control.get(), kSockCloexec | kSockNonblock);
    if (sys::failed(got)) return;  // nobody is left, or whoever it was has gone
    supervisor_.note_work();
    connection.socket = Fd(got);
    set_patience(connection);
    if (!is_of_host(connection.socket)) refuse(connection, "not-root", "only the host's root may ask");
  }
}

}  // namespace podctl
