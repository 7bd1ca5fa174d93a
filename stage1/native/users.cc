#include "users.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>

#include "files.h"
#include "kernel.h"
#include "pod.h"

namespace podctl {
namespace {

constexpr uint32_t kAsk = ~0U;  // no ID: setfsuid(2) changes nothing and says what it is

/** A process that exists only to have namespaces, until this end of its pipe is closed. */
struct Holder {
  long pid = 0;
  Fd process{};
  Fd life{};

  Holder() = default;
  Holder(Holder &&) = default;
  Holder &operator=(Holder &&) = default;
  ~Holder() {
    life.close();
    int status;
    // ignored: it is the launcher's child and reads nothing but the end of the pipe
    if (pid > 0) static_cast<void>(sys::wait4(pid, &status, 0));
    pid = 0;
  }
};

/** Makes the pod's users, and namespaces owned by them, with a process in it all. */
Outcome<> start_holder(Holder &holder, uint64_t namespaces) {
  Fd end;
  TRY(make_pipe(end, holder.life));
  int process = -1;
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_PIDFD | namespaces;
  args.exit_signal = kSignalChild;
  args.pidfd = reinterpret_cast<uint64_t>(&process);
  const sys::Result pid = sys::clone3(args);
  if (pid == 0) {
    holder.life.close();
    char byte;
    static_cast<void>(sys::read(end.get(), &byte, 1));  // ignored: whatever it says, it is over
    sys::exit_group(0);
  }
  Outcome<long> made = check(pid, "clone3", "user namespace");
  if (!made.ok() && (made.failure->error == ENOSPC || made.failure->error == EUSERS)) {
    made.failure->detail = "the host allows no more user namespaces: see /proc/sys/user/max_user_namespaces";
  }
  holder.pid = TRY(static_cast<Outcome<long> &&>(made));
  holder.process = Fd(process);
  return kDone;
}

Outcome<> write_map(const Holder &holder, Text name, const Users &users) {
  Buffer<64> path;
  path << "/proc/" << static_cast<int64_t>(holder.pid) << '/' << name;
  Buffer<64> line;
  line << "0 " << users.first << ' ' << users.count;
  const Outcome<> written = write_file(AT_FDCWD, path.text(), line.text());
  if (written.ok()) return kDone;
  return Failure{written.failure->syscall, written.failure->error, name, "these IDs are not the host's to give"};
}

Outcome<Fd> open_users(const Holder &holder) {
  Buffer<64> path;
  path << "/proc/" << static_cast<int64_t>(holder.pid) << "/ns/user";
  return Fd(TRY(check(sys::openat2(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0, 0), "openat2", "/proc/PID/ns/user")));
}

}  // namespace

Outcome<> make_namespaces(Pod &pod) {
  if (pod.network.is_open()) TRY(check(sys::setns(pod.network.get(), CLONE_NEWNET), "setns", "the network to join"));
  pod.network.close();
  if (!pod.users.are_own()) return kDone;
  // Else every change of the owner of new files would take the capabilities over files away.
  TRY(check(sys::prctl(PR_SET_SECUREBITS, 1UL << SECURE_NO_SETUID_FIXUP), "prctl", "PR_SET_SECUREBITS"));
  Holder holder;
  TRY(own_new_files(pod.users.first));  // the root of the mqueue file system is made with its IPC namespace
  Outcome<> started = start_holder(holder, pod.namespaces);
  TRY(own_new_files(0));
  TRY(static_cast<Outcome<> &&>(started));
  TRY(write_map(holder, "uid_map", pod.users));
  TRY(write_map(holder, "gid_map", pod.users));
  pod.users.space = TRY(open_users(holder));
  if (pod.namespaces != 0) {
    TRY(check(sys::setns(holder.process.get(), pod.namespaces), "setns", "the pod's namespaces"));
  }
  pod.namespaces = 0;  // the init inherits them
  return kDone;
}

Outcome<> own_new_files(uint32_t id) {
  static_cast<void>(sys::setfsgid(id));  // ignored, as the next: they return what was, and never an error
  static_cast<void>(sys::setfsuid(id));
  const bool both = sys::setfsgid(kAsk) == static_cast<sys::Result>(id) && sys::setfsuid(kAsk) == static_cast<sys::Result>(id);
  if (!both) return problem("the owner of new files cannot be changed", "setfsuid");
  return kDone;
}

Outcome<> join(const Users &users) {
  TRY(check(sys::setns(users.space.get(), CLONE_NEWUSER), "setns", "user namespace"));
  TRY(check(sys::unshare(CLONE_NEWNS | CLONE_NEWCGROUP), "unshare", "mount and cgroup namespace"));
  return kDone;
}

}  // namespace podctl
