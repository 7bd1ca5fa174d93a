// System call filters (seccomp(2)) and security labels: what the kernel holds against the app's program from its first
// instruction on.
#pragma once

#include "arena.h"
#include "error.h"

namespace podctl {

/** BPF_MAXINSNS: the kernel takes no longer program. */
constexpr size_t kMostInstructions = 4096;
/** Longest security label: more than any policy has, less than a page, which is what the kernel takes. */
constexpr size_t kMaxLabel = 2048;

/** Null, or what is wrong with a filter in hexadecimal digits. */
const char *fault_of_filter(Text hex);

/**
 * Confines the calling process to the filter, for good. It must not need to be told a failure by then: the filter may refuse
 * the calls that this takes.
 */
Outcome<> confine(Arena &arena, Text hex);

/** Has the next execve(2) give its program this label. Empty ones are none. As root, since the files are root's. */
Outcome<> label_program(Text selinux, Text apparmor);

}  // namespace podctl
