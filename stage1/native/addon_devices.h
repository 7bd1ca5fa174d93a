// Whether the kernel lets us restrict devices, asked from Node before a pod depends on it.
#pragma once

namespace addon {

/** Loads a program as devices.cc attaches to apps' cgroups, and lets it go again. Needs what the executor will have: root. */
bool can_restrict_devices();

}  // namespace addon
