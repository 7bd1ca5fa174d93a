// Performing a plan's operations.
#pragma once

#include "identity.h"
#include "mounts.h"
#include "pod.h"

namespace podctl {

/** What an operation is performed in. */
struct Scene {
  Pod &pod;
  /** The app whose section it is; null in the head and in the pod's section. */
  App *app = nullptr;
  Places places{};
  /** Filled by an app's operations, used by its exec. */
  Identity identity{};
};

/** Performs one operation; a failure carries its name, line and app. Does not return from a successful exec. */
Outcome<> perform(Scene &scene, const Op &op);

/** Opens the root directory of the process as the place where sources are. */
Outcome<> open_sources(Scene &scene);

}  // namespace podctl
