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
  Text working_directory = "/";
};

/** Notes what `op` says of an identity: the one place for the operations from `cwd` to `seccomp`. Others are left alone. */
void note(Identity &identity, const Op &op);

/** Becomes `identity`, for good. */
Outcome<> assume(const Identity &identity);

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

/** Replaces the process by the first candidate of `program` that can be executed. Returns only with a failure. */
Failure execute(Arena &arena, const Program &program);

}  // namespace podctl
