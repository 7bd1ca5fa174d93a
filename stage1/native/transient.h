// The body of StartTransientUnit, with which machined asks for a shell.
#pragma once

#include "arena.h"
#include "error.h"

namespace podctl {

/** What StartTransientUnit says, as far as it matters here. */
struct Transient {
  Text unit{};
  Text user{};
  /** A path in the pod's /dev/pts; empty: files. */
  Text terminal{};
  Text working_directory{};
  Text program{};
  Text *arguments = nullptr;
  size_t argument_count = 0;
  /** `NAME=value` each. */
  Text *environment = nullptr;
  size_t environment_count = 0;
  /** stdin, stdout and stderr among the files that came with the message; −1: none. */
  int files[3] = {-1, -1, -1};
};

/** Reads the body of StartTransientUnit. */
Outcome<Transient> read_transient(Arena &arena, Text body);

}  // namespace podctl
