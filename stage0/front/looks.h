// Whether what the last start saw is what there is to be seen now.
#pragma once

#include "arena.h"
#include "record.h"

namespace podctl {

/** What this process was executed with. */
struct Call {
  int argc = 0;
  const char *const *argv = nullptr;
  const char *const *envp = nullptr;
};

/** The value of a variable; null if there is none. */
const char *value_of(const Call &call, Text name);

/** A failure names what is not as it was. */
Outcome<> look_again(Arena &arena, const Call &call, const Record &record);

}  // namespace podctl
