// The device controller of cgroup v2: a BPF program per app (linux/bpf.h, BPF_PROG_TYPE_CGROUP_DEVICE).
#pragma once

#include "error.h"
#include "fd.h"
#include "plan.h"

namespace podctl {

/** One of the operation's rules: "c 1:3 rwm", with * for any number, and a type `a` for both kinds. */
struct DeviceRule {
  /** BPF_DEVCG_DEV_BLOCK or _CHAR; 0 for both. */
  uint32_t type = 0;
  /** BPF_DEVCG_ACC_* */
  uint32_t access = 0;
  bool any_major = false;
  bool any_minor = false;
  uint32_t major = 0;
  uint32_t minor = 0;
};

/** More than any app has devices. */
constexpr size_t kMostDeviceRules = 256;

bool parse_device_rule(Text text, DeviceRule &rule);

/** Refuses to the cgroup every device that no rule of `op` allows. What the cgroups above it refuse stays refused. */
Outcome<> restrict_devices(const Fd &cgroup, const Op &op);

}  // namespace podctl
