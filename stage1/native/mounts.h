// The mount operations of a plan, on descriptors: a target is resolved once, below its root, and never by a path again.
#pragma once

#include "error.h"
#include "fd.h"
#include "flags.h"
#include "users.h"

namespace podctl {

/** A copy of a host mount that mounts pass to, made before the pod's mount namespace was cut off (copy_propagating). */
struct EarlyCopy {
  const Op *op = nullptr;
  Fd mount{};
  EarlyCopy *next = nullptr;
};

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
  EarlyCopy *early = nullptr;
};

/** Cuts the mount at `root` and all below it off from those they were copied from. */
Outcome<> make_mounts_private(int root);

/** Mounts a tmpfs on a directory of the sources and makes it the root. */
Outcome<> mount_pod_root(Places &places, Text directory, Text size);
/**
 * Lets what is mounted below the app's root, in the pod's mount namespace, come to the app, too, and never the other way: so
 * `machinectl bind POD FILE /apps/APP/PATH` reaches a running app. Before the app's first process.
 */
Outcome<> share_app_root(Text directory);
/** Makes a directory of the sources the root; it becomes a mount if it is none. */
Outcome<> choose_root(Places &places, Text directory);

/** Prepares the binds of `plan` with propagation; while the mount namespace is still in its peer groups (bind.cc). */
Outcome<> copy_propagating(Arena &arena, Places &places, const Plan &plan);

/** Targets of mounts are reached through no symbolic link: whoever wrote the plan has resolved them. */
Outcome<> mount_new(const Places &places, const Op &op);
Outcome<> bind(const Places &places, const Op &op);
/** Shows the file `source` at `target`, in the app's root. */
Outcome<> bind_file(const Places &places, Text source, Text target);
Outcome<> mount_overlay(const Places &places, const Op &op);
Outcome<> hide(Places &places, Text path);
Outcome<> make_read_only(const Places &places, Text path);

/** The root alone, not what is mounted below it. */
Outcome<> make_root_read_only(const Places &places);

/** Makes the root the process's, and detaches the old one. */
Outcome<> pivot(const Places &places);

}  // namespace podctl
