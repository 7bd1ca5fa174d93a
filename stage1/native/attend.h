// The relay of `enter`: between the caller and the command, until the command ends.
#pragma once

#include "enter.h"

namespace podctl {

/** Blocks the signals that the relay reads, and those that must not stop it. */
void block_signals();

/** Copies bytes and passes signals on. Returns the command's exit status: 0–255, 128+n for a death by signal n. */
Outcome<int> attend(Entry &entry, const Born &born);

}  // namespace podctl
