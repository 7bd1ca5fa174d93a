#include "sysctl.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>

#include "kernel.h"

namespace podctl {
namespace {

constexpr size_t kPathMax = 512;

bool has_odd_part(Text name) {
  while (!name.empty()) {
    const Text part = split(name, '/');
    if (part.empty() || part == "." || part == "..") return true;
  }
  return false;
}

/** 0, or an errno. */
int write_setting(int root, const char *path, Text value) {
  constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const sys::Result file = sys::openat2(root, path, O_WRONLY | O_CLOEXEC, 0, kResolve);
  if (sys::failed(file)) return static_cast<int>(-file);
  const Fd setting(file);
  const sys::Result wrote = sys::write(setting.get(), value.data, value.size);
  return sys::failed(wrote) ? static_cast<int>(-wrote) : 0;
}

/** The settings of an IPC namespace belong to the root of its users, whatever the capabilities of another one (Linux 5.19). */
Outcome<int> write_as(uint32_t user, int root, const char *path, Text value) {
  clone_args args{};
  args.exit_signal = kSignalChild;
  const long pid = TRY(check(sys::clone3(args), "clone3"));
  if (pid == 0) {
    const sys::Result changed = sys::setresuid(user, user, user);
    sys::exit_group(sys::failed(changed) ? static_cast<int>(-changed) : write_setting(root, path, value));
  }
  int status = 0;
  TRY(check(sys::wait4(pid, &status, 0), "wait4"));
  return (status & 0x7f) != 0 ? EIO : status >> 8 & 0xff;
}

const char *explain(int error) {
  switch (error) {
    case ENOENT: return "the kernel has no such setting for a pod of its own";
    case EACCES:
    case EPERM:
    case EROFS: return "the kernel lets no pod change it";
    case EINVAL:
    case ERANGE: return "the kernel refuses the value";
    default: return "";
  }
}

}  // namespace

SysctlOwner owner_of_sysctl(Text name) {
  constexpr Text kIpc[] = {"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
                           "kernel/shmmni", "kernel/shm_rmid_forced", "kernel/msg_next_id", "kernel/sem_next_id",
                           "kernel/shm_next_id"};
  if (has_odd_part(name)) return SysctlOwner::host;
  if (name.starts_with("net/")) return SysctlOwner::net;
  if (name.starts_with("fs/mqueue/")) return SysctlOwner::ipc;
  if (name == "kernel/domainname") return SysctlOwner::uts;
  for (const Text &one : kIpc) {
    if (name == one) return SysctlOwner::ipc;
  }
  return SysctlOwner::host;
}

Outcome<> set_sysctl(const Pod &pod, int root, Text name, Text value) {
  Buffer<kPathMax> path;
  path << "proc/sys/" << name;
  if (path.overflowed()) return problem("the name is too long", name);
  int error = write_setting(root, path.c_str(), value);
  if (error == EACCES && pod.users.are_own()) error = TRY(write_as(pod.users.first, root, path.c_str(), value));
  if (error == 0) return kDone;
  return Failure{"write", error, name, explain(error)};
}

}  // namespace podctl
