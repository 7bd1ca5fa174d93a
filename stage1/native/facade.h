// The bus façade: a socket in the pod-level root where machined, systemctl and their like, which have joined the pod's namespaces
// for it, find what looks like a system bus with systemd on it (stage1/README.md). No app can reach it: its file system is shown
// in no app's mount namespace.
//
// The init only accepts. Each caller is served by a process of its own (caller.h), forked for it and gone with it, which asks
// the init for what only the init can do through a connection like those of the control socket.
#pragma once

#include "pod.h"

namespace podctl {

/** How many are served at a time; more wait in the kernel's backlog. */
constexpr size_t kMaxCallers = 16;

/** Listens at `path` below `root`. */
Outcome<Fd> listen_facade(int root, Text path);

/**
 * Accepts a caller and makes the process that serves it. Returns the init's end of that process's connection; a closed Fd if
 * nobody calls, or one who may not.
 */
Outcome<Fd> receive_caller(const Pod &pod);

}  // namespace podctl
