// Who an app runs as, and with what: collected from its operations in any order, assumed in the only safe one.
#pragma once

#include "error.h"
#include "plan.h"

namespace podctl {

struct Identity {
  uint32_t uid = 0;
  uint32_t gid = 0;
  const Op *groups = nullptr;
  /** Bounding set, and for uid 0 also the permitted and effective ones. Nothing unless the plan says so. */
  uint64_t capabilities = 0;
  bool no_new_privileges = false;
  Text working_directory = "/";
  const Op *args = nullptr;
};

/** Becomes `identity`, for good. */
Outcome<> assume(const Identity &identity);

/** Replaces the process by the first candidate of `exec` that can be executed. Returns only with a failure. */
Failure execute(Arena &arena, const Identity &identity, const Op *section, const Op &exec);

}  // namespace podctl
