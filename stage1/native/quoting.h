// Quoting of arguments in files of lines: plans, and the records of starts. It mirrors quote() of stage1/plan/codec.ts.
#pragma once

#include "text.h"

namespace podctl {

/**
 * Takes a line apart: its name, and the words behind it, unquoted in their own bytes and each ended with a NUL. False if the quoting
 * of one is malformed. @param words has room for as many as there are spaces
 */
bool split_line(Text line, Text &name, Text *words, size_t &count);

}  // namespace podctl
