// The mount operations of a plan, on descriptors: a target is resolved once, below its root, and never by a path again.
#pragma once

#include "error.h"
#include "fd.h"
#include "flags.h"
#include "users.h"

namespace podctl {

/** Where a section's paths lead. */
struct Places {
  /** Targets are below this directory. */
  Fd root{};
  /** Sources are below this one: the host's root for the pod, the pod-level root for apps. */
  Fd source{};
  /** An empty file system to hide directories behind, once one was needed. */
  Fd empty{};
  /** Whose the mounts are; never null once the sources are open. */
  const Users *users = nullptr;
};

/** Cuts the mount namespace off from the one it was copied from. */
Outcome<> make_mounts_private();

/** Mounts a tmpfs on a directory of the sources and makes it the root. */
Outcome<> mount_pod_root(Places &places, Text directory, Text size);
/** Makes a directory of the sources the root; it becomes a mount if it is none. */
Outcome<> choose_root(Places &places, Text directory);

Outcome<> mount_new(const Places &places, const Op &op);
Outcome<> bind(const Places &places, const Op &op);
/** Shows the file `source` at `target`, in the app's root. */
Outcome<> bind_file(const Places &places, Text source, Text target);
Outcome<> mount_overlay(const Places &places, const Op &op);
Outcome<> hide(Places &places, Text path);
Outcome<> make_read_only(const Places &places, Text path);

/** Makes the root the process's, and detaches the old one. */
Outcome<> pivot(const Places &places);

}  // namespace podctl
