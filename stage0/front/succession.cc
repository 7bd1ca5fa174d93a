#include "succession.h"

#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "clock.h"
#include "files.h"
#include "kernel.h"
#include "remove.h"
#include "unix_socket.h"

namespace podctl {
namespace {

/** `DIRECTORY/UUID`, below pods/. */
class PodPath : public Buffer<80> {
 public:
  PodPath(Text directory, Text uuid) { *this << directory << '/' << uuid; }
};

Outcome<uint64_t> inode_of(int directory, Text path, int flags) {
  struct statx info{};
  TRY(check(sys::statx(directory, path.c_str(), flags, STATX_INO, &info), "statx", path));
  return uint64_t{info.stx_ino};
}

/** The lock of a pod that is still at `path` once it is locked. */
Outcome<Fd> lock_pod(const Fd &pods, const PodPath &path) {
  Fd lock = TRY(open_at(pods.get(), path.text(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(check(sys::flock(lock.get(), LOCK_EX | LOCK_NB), "flock", path.text()));
  const uint64_t locked = TRY(inode_of(lock.get(), "", AT_EMPTY_PATH));
  const uint64_t there = TRY(inode_of(pods.get(), path.text(), AT_SYMLINK_NOFOLLOW));
  if (locked != there) return problem("moved on meanwhile", path.text());
  return lock;
}

/** Owner, group and mode, whatever the umask. */
Outcome<> own(const Fd &pod, const Line &line) {
  const Text path = line[0];
  uint64_t uid = 0;
  uint64_t gid = 0;
  if (!parse_decimal(line[2], uid) || !parse_decimal(line[3], gid)) return problem("not an ID", path);
  const auto user = static_cast<uint32_t>(uid);
  const auto group = static_cast<uint32_t>(gid);
  TRY(check(sys::fchownat(pod.get(), path.c_str(), user, group, AT_SYMLINK_NOFOLLOW), "fchownat", path));
  TRY(check(sys::fchmodat(pod.get(), path.c_str(), static_cast<uint32_t>(octal(line[1]))), "fchmodat", path));
  return kDone;
}

/** The texts behind the metadata, with the time in milliseconds between them. */
Outcome<> write_texts(const Fd &file, const Line &line) {
  constexpr size_t kFirst = 4;
  for (size_t i = kFirst; i < line.count; ++i) {
    Buffer<24> now;
    now << realtime_ns() / 1000000;
    if (i > kFirst) TRY(write_whole(file, now.text(), line[0]));
    TRY(write_whole(file, line[i], line[0]));
  }
  return kDone;
}

/** As Node leaves it to what it executes. */
Outcome<> raise_file_limit() {
  rlimit64 limit{};
  TRY(check(sys::prlimit64(0, RLIMIT_NOFILE, nullptr, &limit), "prlimit64"));
  limit.rlim_cur = limit.rlim_max;
  TRY(check(sys::prlimit64(0, RLIMIT_NOFILE, &limit, nullptr), "prlimit64"));
  return kDone;
}

}  // namespace

Outcome<> Succession::hold_images() {
  const Line *const line = TRY(line_of(next_, "lock"));
  images_ = TRY(open_at(AT_FDCWD, (*line)[0], O_RDONLY | O_NOFOLLOW));
  TRY(check(sys::flock(images_.get(), LOCK_SH | LOCK_NB), "flock", (*line)[0]));
  return kDone;
}

Outcome<> Succession::hold_last() {
  last_lock_ = TRY(lock_pod(heirs_.pods, PodPath("run", heirs_.last)));
  return kDone;
}

Outcome<> Succession::make_next() {
  journal_ = TRY(connect_unix("/run/systemd/journal/socket", kSockDgram));
  TRY(note_uses());
  TRY(make_embryo());
  TRY(hand_name_over());
  TRY(remove_last());
  TRY(move_next("embryo", "prepare"));
  const Fd pod = TRY(open_at(heirs_.pods.get(), PodPath("prepare", heirs_.next).text(), kOpenDirectory));
  TRY(make_all("file", pod));
  images_.close();  // what the pod needs is in its record now
  tell(next_, "prepared");
  TRY(move_next("prepare", "run"));
  TRY(make_all("mkdir", pod));
  for (const Line &line : next_) {
    if (line.name == "incoming") TRY(ensure_directory(AT_FDCWD, line[0], 0600));
  }
  return make_all("late-file", pod);
}

Outcome<> Succession::note_uses() {
  for (const Line &line : next_) {
    if (line.name == "used") TRY(check(sys::utimensat(AT_FDCWD, line[0].c_str(), nullptr, 0), "utimensat", line[0]));
  }
  return kDone;
}

Outcome<> Succession::make_embryo() {
  const PodPath path("embryo", heirs_.next);
  TRY(check(sys::mkdirat(heirs_.pods.get(), path.c_str(), 0750), "mkdirat", path.text()));
  lock_ = TRY(lock_pod(heirs_.pods, path));
  return kDone;
}

/** Under the lock of the names, as names.ts does. */
Outcome<> Succession::hand_name_over() {
  const Line &line = *TRY(line_of(next_, "name"));
  const Text name = line[1];
  const Fd names = TRY(open_at(AT_FDCWD, line[0], O_RDONLY | O_DIRECTORY));
  TRY(check(sys::flock(names.get(), LOCK_EX | LOCK_NB), "flock", line[0]));
  char holder[kUuidSize + 1];
  const long size = TRY(check(sys::readlinkat(names.get(), name.c_str(), holder, sizeof holder), "readlinkat", name));
  if (Text(holder, static_cast<size_t>(size)) != heirs_.last) return problem("another pod's name", name);
  const PodPath from("run", heirs_.last);
  const PodPath to("exited-garbage", heirs_.last);
  const int pods = heirs_.pods.get();
  TRY(ensure_directory(pods, "exited-garbage", 0750));
  TRY(check(sys::renameat2(pods, from.c_str(), pods, to.c_str(), 0), "renameat2", from.text()));
  TRY(check(sys::unlinkat(names.get(), name.c_str(), 0), "unlinkat", name));
  TRY(check(sys::symlinkat(heirs_.next.c_str(), names.get(), name.c_str()), "symlinkat", name));
  return kDone;
}

Outcome<> Succession::remove_last() {
  const Fd garbage = TRY(open_at(heirs_.pods.get(), "exited-garbage", O_RDONLY | O_DIRECTORY));
  if (!remove_shallow(garbage.get(), heirs_.last.c_str())) return problem("cannot be removed at once", heirs_.last);
  last_lock_.close();
  tell(old_, "collected");
  return kDone;
}

Outcome<> Succession::move_next(Text from, Text to) {
  const int pods = heirs_.pods.get();
  TRY(ensure_directory(pods, to, 0750));
  const PodPath source(from, heirs_.next);
  TRY(check(sys::renameat2(pods, source.c_str(), pods, PodPath(to, heirs_.next).c_str(), 0), "renameat2", source.text()));
  return kDone;
}

Outcome<> Succession::make_all(Text kind, const Fd &pod) {
  for (const Line &line : next_) {
    if (line.name == kind) TRY(make(line, pod));
  }
  return kDone;
}

Outcome<> Succession::make(const Line &line, const Fd &pod) {
  const Text path = line[0];
  if (line.name == "mkdir") {
    TRY(check(sys::mkdirat(pod.get(), path.c_str(), 0700), "mkdirat", path));
  } else {
    constexpr uint64_t kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    const Fd file(TRY(check(sys::openat2(pod.get(), path.c_str(), kFlags, 0600, 0), "openat2", path)));
    TRY(write_texts(file, line));
  }
  return own(pod, line);
}

/** That an event is not in the journal is no reason not to start. */
void Succession::tell(const Record &record, Text event) {
  const Outcome<const Line *> line = line_of(record, event);
  if (line.ok()) sys::send(journal_.get(), (*line.value)[0].data, (*line.value)[0].size, kMsgDontWait | kMsgNoSignal);
}

Outcome<> Succession::execute() {
  const Line &line = *TRY(line_of(next_, "execute"));
  constexpr size_t kFirstVariable = 3;
  uint64_t number = 0;
  if (!parse_decimal(line[2], number)) return problem("not a descriptor");
  const int lock = static_cast<int>(number);
  if (lock == lock_.get()) {
    TRY(check(sys::fcntl(lock, F_SETFD, 0), "fcntl"));
  } else {
    TRY(check(sys::dup3(lock_.get(), lock, 0), "dup3"));
  }
  TRY(raise_file_limit());
  const char *const argv[] = {"podctl-stage1", "run", line[1].c_str(), nullptr};
  auto *const envp = arena_.array<const char *>(line.count - kFirstVariable + 1);
  for (size_t i = kFirstVariable; i < line.count; ++i) envp[i - kFirstVariable] = line[i].c_str();
  TRY(check(sys::execve(line[0].c_str(), argv, envp), "execve", line[0]));
  return kDone;
}

}  // namespace podctl
