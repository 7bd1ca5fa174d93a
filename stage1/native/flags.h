// Flags of the operations `bind` and `mount`: their names, and what they are to the kernel.
#pragma once

#include "plan.h"

namespace podctl {

struct MountFlag {
  bool known = false;
  /** MOUNT_ATTR_* to set. */
  uint32_t attributes = 0;
  /** Take submounts along. */
  bool recursive = false;
  /** Set the attributes on submounts, too. */
  bool everywhere = false;
  /** Show the file system's IDs as those of the pod's users (bind only). */
  bool idmap = false;
};

MountFlag mount_flag(Text name);

/** All flags of `op` from argument `first` on, in one. */
MountFlag mount_flags(const Op &op, size_t first);

/** Index of the first flag of a `mount` operation: behind its lone "-", or its argument count. */
size_t first_mount_flag(const Op &op);

}  // namespace podctl
