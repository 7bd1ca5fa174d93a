#include "mount_copy.h"

#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>

namespace podctl {
namespace {

#define CANNOT_BE_MAPPED(type) "its file system, " type ", cannot be mapped to a pod's own users"

/** Those that people meet; fs/… of the kernel has the numbers that linux/magic.h lacks. */
constexpr struct {
  uint64_t type;
  const char *words;
} kUnmappable[] = {
    {OVERLAYFS_SUPER_MAGIC, CANNOT_BE_MAPPED("overlay")}, {FUSE_SUPER_MAGIC, CANNOT_BE_MAPPED("fuse")},
    {V9FS_MAGIC, CANNOT_BE_MAPPED("9p")},                 {NFS_SUPER_MAGIC, CANNOT_BE_MAPPED("nfs")},
    {TMPFS_MAGIC, CANNOT_BE_MAPPED("tmpfs")},             {CIFS_SUPER_MAGIC, CANNOT_BE_MAPPED("cifs")},
    {SMB2_SUPER_MAGIC, CANNOT_BE_MAPPED("smb2")},         {CEPH_SUPER_MAGIC, CANNOT_BE_MAPPED("ceph")},
    {PROC_SUPER_MAGIC, CANNOT_BE_MAPPED("proc")},         {SYSFS_MAGIC, CANNOT_BE_MAPPED("sysfs")},
    {SQUASHFS_MAGIC, CANNOT_BE_MAPPED("squashfs")},       {0x2fc12fc1, CANNOT_BE_MAPPED("zfs")},
};

Text unmappable(int mount, bool recursive) {
  if (recursive) return "its file system, or that of a mount below it, cannot be mapped to a pod's own users";
  struct statfs info{};
  static_cast<void>(sys::fstatfs(mount, &info));  // ignored: the words below then name no type
  for (const auto &known : kUnmappable) {
    if (known.type == static_cast<uint64_t>(info.f_type)) return known.words;
  }
  return "its file system cannot be mapped to a pod's own users";
}

}  // namespace

Outcome<Fd> copy_mount(int source, bool recursive, Text object) {
  const unsigned flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0U);
  return Fd(TRY(check(sys::open_tree(source, "", flags), "open_tree", object)));
}

Outcome<> map_mount(int mount, const Users &users, bool recursive, Text object) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(users.space.get());
  const unsigned reach = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  const Outcome<long> mapped = check(sys::mount_setattr(mount, "", reach, attributes), "mount_setattr", object);
  if (mapped.ok()) return kDone;
  if (mapped.failure->error == EINVAL) mapped.failure->detail = unmappable(mount, recursive);
  if (mapped.failure->error == EPERM) mapped.failure->detail = "it is mapped to other users already";
  return mapped.failure;
}

Outcome<> set_attributes(int mount, const MountFlag &flags, Text object) {
  mount_attr attributes{};
  attributes.attr_set = flags.attributes;
  attributes.propagation = flags.propagation;
  if ((flags.attributes & MOUNT_ATTR_NOATIME) != 0) attributes.attr_clr = MOUNT_ATTR__ATIME;
  if (attributes.attr_set == 0 && attributes.propagation == 0) return kDone;
  const unsigned reach = AT_EMPTY_PATH | (flags.recursive || flags.everywhere ? AT_RECURSIVE : 0);
  TRY(check(sys::mount_setattr(mount, "", reach, attributes), "mount_setattr", object));
  return kDone;
}

Outcome<> attach(int mount, int target, Text object) {
  TRY(check(sys::move_mount(mount, target), "move_mount", object));
  return kDone;
}

}  // namespace podctl
