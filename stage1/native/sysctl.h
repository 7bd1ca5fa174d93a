// Settings of the kernel that the pod's namespaces have for themselves.
#pragma once

#include "pod.h"

namespace podctl {

/** Which namespace a sysctl (its name with slashes) belongs to. */
enum class SysctlOwner : uint8_t { host, net, ipc, uts };
SysctlOwner owner_of_sysctl(Text name);

/** Sets it through the /proc below `root`, in the namespaces of the caller. */
Outcome<> set_sysctl(const Pod &pod, int root, Text name, Text value);

}  // namespace podctl
