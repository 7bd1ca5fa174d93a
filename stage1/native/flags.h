// Flags of the operations `bind` and `mount`: their names, and what they are to the kernel.
#pragma once

#include "plan.h"

namespace podctl {

struct MountFlag {
  bool known = false;
  /** MOUNT_ATTR_* to set. */
  uint32_t attributes = 0;
  /** Take submounts along; the attributes are theirs, too. */
  bool recursive = false;
  /** Set the attributes on submounts, too. */
  bool everywhere = false;
  /** Show the file system's IDs as those of the pod's users (bind only). */
  bool idmap = false;
  /** No symbolic link may lead to the source. */
  bool nofollow = false;
  /** Nothing is done if the source is not there. */
  bool optional = false;
  /** A link, or a file where a directory is to be, makes way for the target. */
  bool replace = false;
  /** MS_SLAVE or MS_SHARED: whether mounts made later pass between the source and the copy; 0: they do not. */
  uint64_t propagation = 0;
};

MountFlag mount_flag(Text name);

/** All flags of `op` from argument `first` on, in one. */
MountFlag mount_flags(const Op &op, size_t first);

/** Whether a `mount` operation can have it. */
bool suits_new_mount(const MountFlag &flag);

/** Index of the first flag of a `mount` operation: behind its lone "-", or its argument count. */
size_t first_mount_flag(const Op &op);

}  // namespace podctl
