// The verb `graft PODDIR FRAGMENT`: gives a running pod one more app (stage1/README.md).
//
// What the app needs of the host is mounted with the host's view and privileges in a mount namespace of this process alone, laid
// out as the pod-level root is; copies of those mounts are then attached in the pod's mount namespace, and the init is asked to
// take the app in. Whatever fails, the pod is left as it was.
#pragma once

namespace podctl {

int graft(const char *directory, const char *fragment);

}  // namespace podctl
