// Copies of mounts: made, given the pod's users, attached.
#pragma once

#include "error.h"
#include "fd.h"
#include "flags.h"
#include "users.h"

namespace podctl {

/** A copy of the mount at `source`, attached nowhere yet. */
Outcome<Fd> copy_mount(int source, bool recursive, Text object);

/**
 * Makes a copy that is attached nowhere show the file system's IDs from 0 on as those of the pod's users, and keep them as they
 * are on disk (idmapped mounts, Linux 5.12). `recursive`: with submounts. A file system that cannot is named in the failure.
 */
Outcome<> map_mount(int mount, const Users &users, bool recursive, Text object);

/** Sets the flags' attributes and propagation on a mount, and on its submounts if they go along. */
Outcome<> set_attributes(int mount, const MountFlag &flags, Text object);

Outcome<> attach(int mount, int target, Text object);

}  // namespace podctl
