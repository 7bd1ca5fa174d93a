#include "addon_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace addon {
namespace {

// The payload in a sealed memfd, passed as a descriptor: the journal's way for entries larger than a datagram.
Outcome send_memfd(int socket, msghdr message, const void *data, size_t size) {
  const sys::Result created = sys::memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (sys::failed(created)) return {created, "memfd_create"};
  const Descriptor memory(created);
  const sys::Result written = write_all(memory.get(), data, size);
  if (sys::failed(written)) return {written, "write"};
  const sys::Result sealed =
      sys::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  if (sys::failed(sealed)) return {sealed, "fcntl"};
  const int fd = memory.get();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  message.msg_iov = nullptr;
  message.msg_iovlen = 0;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return {sys::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT), "sendmsg"};
}

std::vector<const char *> pointers(const std::vector<std::string> &list) {
  std::vector<const char *> result;
  for (const std::string &text : list) result.push_back(text.c_str());
  result.push_back(nullptr);
  return result;
}

/** Goes on where both files are: what was copied before stays. */
Outcome copy_through_memory(int from, int to) {
  std::vector<char> buffer(size_t{1} << 20);
  for (;;) {
    const sys::Result size = sys::read(from, buffer.data(), buffer.size());
    if (size == -EINTR) continue;
    if (size <= 0) return {size, "read"};
    const sys::Result written = write_all(to, buffer.data(), static_cast<size_t>(size));
    if (sys::failed(written)) return {written, "write"};
  }
}

}  // namespace

sys::Result write_all(int fd, const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    const sys::Result written = sys::write(fd, next, size);
    if (written == -EINTR) continue;
    if (sys::failed(written)) return written;
    next += written;
    size -= static_cast<size_t>(written);
  }
  return 0;
}

sys::Result execute(const std::string &path, const std::vector<std::string> &argv, const std::vector<std::string> &env) {
  const auto before = signal(SIGPIPE, SIG_DFL);
  const sys::Result result = sys::execve(path.c_str(), pointers(argv).data(), pointers(env).data());
  signal(SIGPIPE, before);
  return result;
}

bool spread_subdirectories(int directory) {
  int flags = 0;
  if (sys::failed(sys::ioctl(directory, FS_IOC_GETFLAGS, &flags))) return false;
  flags |= FS_TOPDIR_FL;
  return !sys::failed(sys::ioctl(directory, FS_IOC_SETFLAGS, &flags));
}

Outcome copy_content(int from, int to) {
  // The kernel takes the descriptor to clone as the argument itself.
  const sys::Result cloned = sys::ioctl(to, FICLONE, reinterpret_cast<void *>(static_cast<intptr_t>(from)));
  if (!sys::failed(cloned)) return {cloned, "ioctl"};
  constexpr size_t kAtOnce = size_t{1} << 30;
  for (;;) {
    const sys::Result copied = sys::copy_file_range(from, nullptr, to, nullptr, kAtOnce);
    if (copied == -EINTR) continue;
    if (copied == -EXDEV || copied == -EINVAL || copied == -EOPNOTSUPP || copied == -ENOSYS) return copy_through_memory(from, to);
    if (copied <= 0) return {copied, "copy_file_range"};
  }
}

Outcome send_datagram(const std::string &path, const void *data, size_t size) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {-ENAMETOOLONG, "sendmsg"};
  memcpy(address.sun_path, path.c_str(), path.size());
  const sys::Result opened = sys::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sys::failed(opened)) return {opened, "socket"};
  const Descriptor socket(opened);
  iovec part{const_cast<void *>(data), size};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const sys::Result sent = sys::sendmsg(socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == -EMSGSIZE || sent == -ENOBUFS) return send_memfd(socket.get(), message, data, size);
  return {sent, "sendmsg"};
}

Outcome connect_stream(const std::string &name, int64_t patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof address.sun_path) return {-EINVAL, "connect"};
  memcpy(address.sun_path, name.data(), name.size());
  // An abstract name ends where the length says, a path with its NUL.
  const size_t size = offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '\0' ? 0 : 1);
  const sys::Result opened = sys::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (sys::failed(opened)) return {opened, "socket"};
  const int socket = static_cast<int>(opened);
  const timeval limit{patience / 1000, patience % 1000 * 1000};
  Outcome done{sys::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "setsockopt"};
  if (!sys::failed(done.result)) done = {sys::connect(socket, &address, size), "connect"};
  if (!sys::failed(done.result)) return {opened, "connect"};
  sys::close(socket);
  return done;
}

Outcome keep_open(int fd) {
  const sys::Result flags = sys::fcntl(fd, F_GETFD, 0);
  return {sys::failed(flags) ? flags : sys::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC), "fcntl"};
}

Outcome own_new_files(uint32_t id) {
  // Else every change of the owner of new files would take the capabilities over files away.
  const sys::Result kept = sys::prctl(PR_SET_SECUREBITS, 1UL << SECURE_NO_SETUID_FIXUP);
  if (sys::failed(kept)) return {kept, "prctl"};
  constexpr uint32_t kAsk = ~0U;  // no ID: setfsuid(2) changes nothing and says what it is
  const auto wanted = static_cast<sys::Result>(id);
  static_cast<void>(sys::setfsgid(id));  // ignored, as the next: they return what was, and never an error
  static_cast<void>(sys::setfsuid(id));
  const bool both = sys::setfsgid(kAsk) == wanted && sys::setfsuid(kAsk) == wanted;
  return {both ? 0 : -EPERM, "setfsuid"};
}

}  // namespace addon
