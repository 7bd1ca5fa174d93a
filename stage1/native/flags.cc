#include "flags.h"

#include <linux/mount.h>

namespace podctl {

MountFlag mount_flag(Text name) {
  if (name == "ro") return {true, MOUNT_ATTR_RDONLY, false, false};
  if (name == "rro") return {true, MOUNT_ATTR_RDONLY, false, true};
  if (name == "nosuid") return {true, MOUNT_ATTR_NOSUID, false, false};
  if (name == "nodev") return {true, MOUNT_ATTR_NODEV, false, false};
  if (name == "noexec") return {true, MOUNT_ATTR_NOEXEC, false, false};
  if (name == "noatime") return {true, MOUNT_ATTR_NOATIME, false, false};
  if (name == "recursive") return {true, 0, true, false};
  if (name == "idmap") return {true, 0, false, false, true};
  return {};
}

MountFlag mount_flags(const Op &op, size_t first) {
  MountFlag all{true, 0, false, false};
  for (size_t i = first; i < op.count; ++i) {
    const MountFlag flag = mount_flag(op[i]);
    all.attributes |= flag.attributes;
    all.recursive |= flag.recursive;
    all.everywhere |= flag.everywhere;
    all.idmap |= flag.idmap;
  }
  return all;
}

size_t first_mount_flag(const Op &op) {
  for (size_t i = 2; i < op.count; ++i) {
    if (op[i] == "-") return i + 1;
  }
  return op.count;
}

}  // namespace podctl
