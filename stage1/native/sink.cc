#include "sink.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel.h"

namespace podctl {
namespace {

/** What a pipe takes in one piece once it is writable (PIPE_BUF). */
constexpr size_t kPieceOfShared = 4096;

bool is_writable_now(int fd) {
  pollfd poll{fd, POLLOUT, 0};
  constexpr sys::Time kNow{0, 0};
  return sys::ppoll(&poll, 1, &kNow) == 1;
}

Outcome<uint64_t> inode_of(int fd) {
  struct statx info{};
  TRY(check(sys::statx(fd, "", AT_EMPTY_PATH, STATX_INO, &info), "statx"));
  return info.stx_ino;
}

}  // namespace

sys::Result Sink::put(Text bytes) const {
  sys::Result wrote = -EAGAIN;
  if (kind == Kind::socket) {
    wrote = sys::send(fd.get(), bytes.data, bytes.size, kMsgDontWait | kMsgNoSignal);
  } else if (kind != Kind::shared) {
    wrote = sys::write(fd.get(), bytes.data, bytes.size);
  } else if (is_writable_now(fd.get())) {
    wrote = sys::write(fd.get(), bytes.data, bytes.size < kPieceOfShared ? bytes.size : kPieceOfShared);
  }
  return wrote == -EAGAIN || wrote == -EINTR ? 0 : wrote;
}

Outcome<Sink> adopt_sink(Fd file) {
  struct statx info{};
  TRY(check(sys::statx(file.get(), "", AT_EMPTY_PATH, STATX_TYPE, &info), "statx"));
  Sink sink;
  const Outcome<uint64_t> own = inode_of(2);
  sink.is_own_stderr = file.get() == 2 || (own.ok() && TRY(inode_of(file.get())) == own.value);
  const uint32_t type = info.stx_mode & kFileType;
  if (type == kSocket) sink.kind = Sink::Kind::socket;
  if (type == kPipe || type == kCharacterDevice) {
    Buffer<32> path;
    path << "/proc/self/fd/" << file.get();
    const sys::Result own_description =
        sys::openat2(AT_FDCWD, path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, 0);
    sink.kind = sys::failed(own_description) ? Sink::Kind::shared : Sink::Kind::nonblocking;
    if (!sys::failed(own_description)) file = Fd(own_description);
  }
  sink.fd = static_cast<Fd &&>(file);
  return sink;
}

}  // namespace podctl
