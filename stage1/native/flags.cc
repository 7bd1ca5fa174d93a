#include "flags.h"

#include <linux/mount.h>

namespace podctl {

namespace {

constexpr uint64_t kSlave = 1U << 19;   // MS_SLAVE
constexpr uint64_t kShared = 1U << 20;  // MS_SHARED

MountFlag attribute(uint32_t bits) { return {.known = true, .attributes = bits}; }

}  // namespace

MountFlag mount_flag(Text name) {
  if (name == "ro") return attribute(MOUNT_ATTR_RDONLY);
  if (name == "rro") return {.known = true, .attributes = MOUNT_ATTR_RDONLY, .everywhere = true};
  if (name == "nosuid") return attribute(MOUNT_ATTR_NOSUID);
  if (name == "nodev") return attribute(MOUNT_ATTR_NODEV);
  if (name == "noexec") return attribute(MOUNT_ATTR_NOEXEC);
  if (name == "noatime") return attribute(MOUNT_ATTR_NOATIME);
  if (name == "recursive") return {.known = true, .recursive = true};
  if (name == "idmap") return {.known = true, .idmap = true};
  if (name == "nofollow") return {.known = true, .nofollow = true};
  if (name == "optional") return {.known = true, .optional = true};
  if (name == "replace") return {.known = true, .replace = true};
  if (name == "rslave") return {.known = true, .propagation = kSlave};
  if (name == "rshared") return {.known = true, .propagation = kShared};
  return {};
}

MountFlag mount_flags(const Op &op, size_t first) {
  MountFlag all{.known = true};
  for (size_t i = first; i < op.count; ++i) {
    const MountFlag flag = mount_flag(op[i]);
    all.attributes |= flag.attributes;
    all.recursive |= flag.recursive;
    all.everywhere |= flag.everywhere;
    all.idmap |= flag.idmap;
    all.nofollow |= flag.nofollow;
    all.optional |= flag.optional;
    all.replace |= flag.replace;
    all.propagation |= flag.propagation;
  }
  return all;
}

bool suits_new_mount(const MountFlag &flag) {
  return flag.known && !flag.recursive && !flag.idmap && !flag.nofollow && !flag.optional && !flag.replace && flag.propagation == 0;
}

size_t first_mount_flag(const Op &op) {
  for (size_t i = 2; i < op.count; ++i) {
    if (op[i] == "-") return i + 1;
  }
  return op.count;
}

}  // namespace podctl
