// Keeping the program of stage1 out of the apps' reach.
#pragma once

#include "error.h"

namespace podctl {

/**
 * Executes the program again from a read-only mount that has no path, unless it runs from a read-only one already. An app
 * whose script says `#!/proc/self/exe` gets hold of this program's file, and could overwrite it (CVE-2019-5736); through
 * this mount nobody can.
 */
Outcome<> seal(const char *const argv[], const char *const envp[]);

}  // namespace podctl
