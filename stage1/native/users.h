// A pod's own users and groups (user_namespaces(7)), and the namespaces that belong to them.
//
// The init stays among the host's users with the host's privileges: no app can signal or trace it. Apps join the pod's users
// last of all, so everything before is done with the host's privileges, but whatever is made then belongs to the pod's root.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

struct Pod;

struct Users {
  /** IDs from 0 on inside are those from `first` on outside; no `count`: the host's users. */
  uint32_t first = 0;
  uint32_t count = 0;
  /** The user namespace, once it is made. */
  Fd space{};

  bool are_own() const { return count != 0; }
};

/**
 * Puts the calling process into what the pod's head wants of namespaces, so far as the init inherits it: the network to join,
 * and, for a pod with users of its own, the network, IPC and UTS namespaces that these own.
 */
Outcome<> make_namespaces(Pod &pod);

/** Files this process makes from now on belong to `id`; its capabilities stay. */
Outcome<> own_new_files(uint32_t id);

/**
 * Becomes one of the pod's users, with every capability among them and none outside. The mount and cgroup namespaces are copied
 * into their hands: so all that is mounted by now is locked.
 */
Outcome<> join(const Users &users);

}  // namespace podctl
