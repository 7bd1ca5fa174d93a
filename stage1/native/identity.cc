#include "identity.h"

#include <asm/poll.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/prctl.h>

#include "fd.h"
#include "seccomp.h"
#include "kernel.h"

namespace podctl {
namespace {

constexpr int kCapabilityBits = 64;

/** Drops every capability of the bounding set that `kept` has not. Capabilities the kernel does not know end the loop. */
Outcome<> limit_bounding_set(uint64_t kept) {
  for (int capability = 0; capability < kCapabilityBits; ++capability) {
    if ((kept >> capability & 1) != 0) continue;
    const sys::Result dropped = sys::prctl(PR_CAPBSET_DROP, static_cast<unsigned long>(capability));
    if (dropped == -EINVAL) break;
    TRY(check(dropped, "prctl", "PR_CAPBSET_DROP"));
  }
  return kDone;
}

Outcome<> set_groups(const Op *groups) {
  constexpr size_t kMostGroups = kMaxArgs;
  uint32_t ids[kMostGroups];
  size_t count = 0;
  while (groups != nullptr && count < groups->count) {
    ids[count] = static_cast<uint32_t>(groups->number(count));
    ++count;
  }
  TRY(check(sys::setgroups(count, ids), "setgroups"));
  return kDone;
}

/** Nothing is inheritable or ambient: what an exec'd program gets is what the bounding set leaves. */
Outcome<> set_capabilities(uint64_t mask) {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  __user_cap_data_struct data[2] = {};
  data[0].permitted = data[0].effective = static_cast<uint32_t>(mask);
  data[1].permitted = data[1].effective = static_cast<uint32_t>(mask >> 32);
  TRY(check(sys::capset(&header, data), "capset"));
  TRY(check(sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), "prctl", "PR_CAP_AMBIENT"));
  return kDone;
}

/** The bits of `mask` that this kernel has. */
Outcome<uint64_t> known_capabilities(uint64_t mask) {
  for (int capability = 0; capability < kCapabilityBits; ++capability) {
    const sys::Result has = sys::prctl(PR_CAPBSET_READ, static_cast<unsigned long>(capability));
    if (has != -EINVAL) TRY(check(has, "prctl", "PR_CAPBSET_READ"));
    if (has != 1) mask &= ~(uint64_t{1} << capability);
  }
  return mask;
}

/** A user's filter needs this, unless the plan says otherwise: a set-user-ID program's author may never have thought of it. */
bool must_not_gain_privileges(const Identity &identity) {
  const bool is_filtered_user = identity.uid != 0 && !identity.filter.empty();
  return identity.no_new_privileges || (is_filtered_user && !identity.may_gain_privileges);
}

/**
 * The kernel takes a filter from whoever cannot gain privileges, or has CAP_SYS_ADMIN. That one is kept until the exec, which
 * takes it from a user; what root's program gets, or one with file capabilities, the bounding set limits by then.
 */
uint64_t needed_for_filter(const Identity &identity, bool locked) {
  return identity.filter.empty() || locked ? 0 : uint64_t{1} << CAP_SYS_ADMIN;
}

/** The death of the parent becomes one's own, also if it is dead already. */
Outcome<> hang_on(int lifeline) {
  if (lifeline < 0) return kDone;
  TRY(check(sys::prctl(PR_SET_PDEATHSIG, kSignalKill), "prctl", "PR_SET_PDEATHSIG"));
  pollfd poll{lifeline, 0, 0};
  constexpr sys::Time kNow{0, 0};
  if (TRY(check(sys::ppoll(&poll, 1, &kNow), "ppoll")) != 0) sys::exit_group(kOwnFailure);
  return kDone;
}

/** As the app's user, and confined: an image's link to /proc/self/fd/N must not lead out of it (CVE-2024-21626). */
Outcome<> enter_directory(Text path) {
  constexpr uint64_t kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const Fd directory(TRY(check(
      sys::openat2(AT_FDCWD, path.c_str(), kFlags, 0, RESOLVE_NO_MAGICLINKS), "openat2", path)));
  TRY(check(sys::fchdir(directory.get()), "fchdir", path));
  return kDone;
}

}  // namespace

void note(Identity &identity, const Op &op) {
  switch (op.kind) {
    case OpKind::cwd: identity.working_directory = op[0]; return;
    case OpKind::groups: identity.groups = &op; return;
    case OpKind::user:
      identity.uid = static_cast<uint32_t>(op.number(0));
      identity.gid = static_cast<uint32_t>(op.number(1));
      return;
    case OpKind::caps: identity.capabilities = hexadecimal(op[0]); return;
    case OpKind::no_new_privs: identity.no_new_privileges = true; return;
    case OpKind::may_gain_privs: identity.may_gain_privileges = true; return;
    case OpKind::oom_score_adj: identity.oom_score = &op; return;
    case OpKind::rlimit:
      if (identity.rlimits == nullptr) identity.rlimits = &op;
      identity.rlimits_end = &op + 1;
      return;
    case OpKind::selinux: identity.selinux = op[0]; return;
    case OpKind::apparmor: identity.apparmor = op[0]; return;
    case OpKind::seccomp: identity.filter = op[0]; return;
    default: return;
  }
}

Outcome<> assume(const Identity &identity) {
  const uint64_t capabilities = TRY(known_capabilities(identity.capabilities));
  const bool locked = must_not_gain_privileges(identity);
  TRY(label_program(identity.selinux, identity.apparmor));
  TRY(set_groups(identity.groups));
  TRY(limit_bounding_set(capabilities));  // needs CAP_SETPCAP, which the next lines may take away
  TRY(check(sys::setresgid(identity.gid, identity.gid, identity.gid), "setresgid"));
  const uint64_t needed = needed_for_filter(identity, locked);
  if (identity.uid != 0 && needed != 0) TRY(check(sys::prctl(PR_SET_KEEPCAPS, 1), "prctl", "PR_SET_KEEPCAPS"));
  TRY(check(sys::setresuid(identity.uid, identity.uid, identity.uid), "setresuid"));
  TRY(set_capabilities((identity.uid == 0 ? capabilities : 0) | needed));
  // A change of user makes a process dumpable where fs.suid_dumpable says so: then the app could look at this one.
  TRY(check(sys::prctl(PR_SET_DUMPABLE, 0), "prctl", "PR_SET_DUMPABLE"));
  TRY(hang_on(identity.lifeline));
  if (locked) TRY(check(sys::prctl(PR_SET_NO_NEW_PRIVS, 1), "prctl", "PR_SET_NO_NEW_PRIVS"));
  return enter_directory(identity.working_directory);
}

}  // namespace podctl
