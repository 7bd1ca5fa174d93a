// Quoting of arguments in files of lines: plans, and the records of starts. It mirrors quote() of stage1/plan/codec.ts.
#pragma once

#include "text.h"

namespace podctl {

/** Undoes the quoting of `token` in its own bytes and ends it with a NUL; false if the quoting is malformed. */
bool unquote(Text &token);

}  // namespace podctl
