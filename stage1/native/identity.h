// Who an app runs as, and with what: collected from its operations in any order, assumed in the only safe one.
#pragma once

#include "error.h"
#include "plan.h"

namespace podctl {

/** What `assume` needs to know. `enter` and the start of an app collect it from the same operations, by `note`. */
struct Identity {
  uint32_t uid = 0;
  uint32_t gid = 0;
  const Op *groups = nullptr;
  /** Bounding set, and for uid 0 also the permitted and effective ones. Nothing unless the plan says so. */
  uint64_t capabilities = 0;
  bool no_new_privileges = false;
  /** A user's program may gain privileges by what it executes (set-user-ID, file capabilities), although there is a filter. */
  bool may_gain_privileges = false;
  Text working_directory = "/";
  /** See limits.h: performed by limit_process, not by assume. */
  const Op *oom_score = nullptr;
  /** From the first operation `rlimit` to behind the last one; there may be others between them. */
  const Op *rlimits = nullptr;
  const Op *rlimits_end = nullptr;
  /** Security labels of the program; empty: as its parent's. */
  Text selinux{};
  Text apparmor{};
  /** The system call filter in hexadecimal digits; empty: none. `execute` loads it. */
  Text filter{};
  /**
   * The reading end of a pipe that only the process's parent could write to, or -1: with it, the parent's death is the
   * process's own. A change of user undoes PR_SET_PDEATHSIG, and a system call filter may forbid it: hence its place here.
   */
  int lifeline = -1;
};

/** Notes what `op` says of an identity: the one place for the operations from `cwd` to `seccomp`. Others are left alone. */
void note(Identity &identity, const Op &op);

/** Becomes `identity`, for good. */
Outcome<> assume(const Identity &identity);

/** Default effects for every signal, and none blocked: what a program expects of whoever starts it. */
Outcome<> reset_signals();

/** A program to become. */
struct Program {
  /** Paths to try, in order. */
  const Text *candidates = nullptr;
  size_t candidate_count = 0;
  /** argv; none stands for the candidate's own path. */
  const Text *arguments = nullptr;
  size_t argument_count = 0;
  /** `NAME=value` each, ended by a null. */
  const char *const *environment = nullptr;
};

/** The variables that the operations from `first` to `last` set. */
const char *const *environment_of(Arena &arena, const Op *first, const Op *last);

/**
 * Replaces the process, which has assumed `identity`, by the first candidate of `program` that can be executed, under the
 * identity's filter. Returns only with a failure.
 */
Failure execute(Arena &arena, const Identity &identity, const Program &program);

}  // namespace podctl
