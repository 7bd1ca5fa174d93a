// Apps that join a running pod, and leave it.
#pragma once

#include "pod.h"

namespace podctl {

/**
 * Adds the app of a fragment (stage1/README.md): a sealed memfd, so that reading it neither waits nor changes its mind. What its
 * section needs is mounted by then; nothing of it is started.
 */
Outcome<> join_pod(Pod &pod, const Fd &fragment);

/** Forgets an app that is over: its root, its cgroup, its status, its memory. */
Outcome<> leave_pod(Pod &pod, App &app);

}  // namespace podctl
