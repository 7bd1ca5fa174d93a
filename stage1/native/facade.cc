#include "facade.h"

#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "caller.h"
#include "kernel.h"
#include "message.h"
#include "paths.h"
#include "unix_socket.h"

namespace podctl {
namespace {

constexpr int kBacklog = 64;
/** Nobody but root has business in it, and the socket is all it holds. */
constexpr uint32_t kDirectoryMode = 0700;

/**
 * The host's root. Processes of the pod that are root there are the same for the kernel, unless the pod has users of its own: they
 * are kept out by not having the socket in any of their mount namespaces.
 */
bool is_root(const Fd &socket) {
  Credentials peer;
  uint32_t size = sizeof peer;
  return sys::getsockopt(socket.get(), kSolSocket, kPeerCredentials, &peer, &size) == 0 && peer.uid == 0;
}

}  // namespace

Outcome<Fd> listen_facade(int root, Text path) {
  size_t slash = path.size;
  while (path[slash - 1] != '/') --slash;
  Buffer<256> parent;
  parent << path.first(slash - 1);
  if (parent.overflowed() || slash < 2) return problem("not a socket's path", path);
  const Fd directory = TRY(make_directory(root, parent.text(), kDirectoryMode));
  Buffer<128> address;
  address << "/proc/self/fd/" << directory.get() << '/' << path.from(slash);
  Fd socket = TRY(bind_unix(address.text(), kSockStream | kSockNonblock));
  TRY(check(sys::listen(socket.get(), kBacklog), "listen", path));
  return socket;
}

Outcome<Fd> receive_caller(const Pod &pod) {
  const sys::Result got = sys::accept4(pod.facade.get(), kSockCloexec | kSockNonblock);
  if (sys::failed(got)) return Fd();  // whoever it was has gone
  const Fd caller(got);
  if (!is_root(caller)) return Fd();
  int ends[2];
  TRY(check(sys::socketpair(kSockSeqpacket | kSockCloexec | kSockNonblock, ends), "socketpair", "the bus façade"));
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  clone_args args{};
  args.exit_signal = kSignalChild;
  const long pid = TRY(check(sys::clone3(args), "clone3", "the bus façade"));
  if (pid == 0) serve_caller(pod, caller.get(), theirs.get());
  return ours;
}

}  // namespace podctl
