// Credentials that systemd gives the pod's unit (systemd.exec(5), LoadCredential=), for an app to read.
#pragma once

#include "perform.h"

namespace podctl {

/** Keeps the directory that $CREDENTIALS_DIRECTORY names, if there is one, for when the environment is left behind. */
Outcome<> keep_credentials(Pod &pod, const char *const envp[]);

/** The operation: copies of those that it names into a directory of the pod-level root, for the app's user alone. */
Outcome<> copy_credentials(Pod &pod, const Places &places, const Op &op);

}  // namespace podctl
