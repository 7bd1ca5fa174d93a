// Labels of Linux security modules: proc_pid_attr(5).
#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>

#include "fd.h"
#include "files.h"
#include "seccomp.h"

namespace podctl {
namespace {

/**
 * The app's /proc, if it is the kernel's: an image's link, or whatever else is mounted there, must not take the label for a
 * write to some file.
 */
Outcome<Fd> open_proc() {
  constexpr uint64_t kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  Fd proc(TRY(check(sys::openat2(AT_FDCWD, "/proc", kFlags, 0, RESOLVE_NO_SYMLINKS), "openat2", "/proc")));
  struct statfs info{};
  TRY(check(sys::fstatfs(proc.get(), &info), "fstatfs", "/proc"));
  if (info.f_type != PROC_SUPER_MAGIC) return problem("not a proc file system", "/proc");
  return proc;
}

Outcome<> write_label(const Fd &proc, Text file, Text label, Text absent) {
  Outcome<> written = write_file(proc.get(), file, label);
  if (written.ok()) return kDone;
  // EINVAL, too, is how a kernel says that nobody listens at attr/exec.
  if (written.failure->error == ENOENT || written.failure->error == EINVAL) written.failure->detail = absent;
  return written;
}

Outcome<> label_for_apparmor(const Fd &proc, Text profile) {
  Buffer<kMaxLabel + 8> command;
  command << "exec " << profile;
  constexpr Text kAbsent = "this kernel does not enforce AppArmor, or the profile is not loaded";
  // Since Linux 5.8; before, AppArmor listened where SELinux does.
  const sys::Result own = sys::openat2(proc.get(), "thread-self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
  const Fd closes_it(sys::failed(own) ? -1 : own);
  return write_label(proc, sys::failed(own) ? "thread-self/attr/exec" : "thread-self/attr/apparmor/exec", command.text(), kAbsent);
}

}  // namespace

Outcome<> label_program(Text selinux, Text apparmor) {
  if (selinux.empty() && apparmor.empty()) return kDone;
  const Fd proc = TRY(open_proc());
  constexpr Text kAbsent = "this kernel does not enforce SELinux, or its policy has no such context";
  if (!selinux.empty()) TRY(write_label(proc, "thread-self/attr/exec", selinux, kAbsent));
  if (!apparmor.empty()) TRY(label_for_apparmor(proc, apparmor));
  return kDone;
}

}  // namespace podctl
