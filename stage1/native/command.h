// The command of `enter`, from its birth in the pod to its program.
#pragma once

#include "enter.h"
#include "identity.h"

namespace podctl {

/** Where the command's files are when it is born: 0 to 2, and behind them what its exec closes. */
constexpr int kReportPlace = 3;
constexpr int kBornPlace = 4;
constexpr int kLifelinePlace = 5;
constexpr int kCommandFiles = 6;

/** Who the command is: what the app is, or all of root for the privileged. */
Identity identity_of(const Entry &entry);

/** Becomes the command. */
[[noreturn]] void run_command(Entry &entry, const Identity &identity);

/** Says why there will be no command. */
void report_refusal(int report, const Entry &entry, const Failure &failure);

}  // namespace podctl
