#include "seal.h"

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>

#include "fd.h"
#include "files.h"
#include "kernel.h"

namespace podctl {

Outcome<> seal(const char *const argv[], const char *const envp[]) {
  constexpr Text kSelf = "/proc/self/exe";
  const Fd program = TRY(open_at(AT_FDCWD, kSelf, O_PATH));
  struct statfs info{};
  TRY(check(sys::fstatfs(program.get(), &info), "fstatfs", kSelf));
  if ((static_cast<uint64_t>(info.f_flags) & kMountReadOnlyFlag) != 0) {
    // The kernel names a process executed by descriptor after the number.
    TRY(check(sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("podctl-stage1")), "prctl", "PR_SET_NAME"));
    return kDone;
  }
  constexpr unsigned kCopy = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  const Fd copy(TRY(check(sys::open_tree(program.get(), "", kCopy), "open_tree", kSelf)));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
  TRY(check(sys::mount_setattr(copy.get(), "", AT_EMPTY_PATH, attributes), "mount_setattr", kSelf));
  TRY(check(sys::execveat(copy.get(), "", argv, envp, AT_EMPTY_PATH), "execveat", kSelf));
  return kDone;
}

}  // namespace podctl
