// What a plan must be beyond its syntax, refused before the first side effect like everything the decoder refuses.
#include "plan.h"

#include "check_life.h"
#include "devices.h"
#include "flags.h"
#include "limits.h"
#include "seccomp.h"
#include "sysctl.h"

namespace podctl {
namespace {

constexpr uint64_t kMaxInt = 0x7fffffff;
constexpr uint64_t kNoId = 0xffffffff;  // (uid_t)-1 means "leave as it is" to the kernel
constexpr size_t kMaxHostname = 64;
constexpr size_t kMaxName = 255;        // NAME_MAX, less the dot of a temporary name

bool is_one_of(Text text, const Text *options, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (text == options[i]) return true;
  }
  return false;
}

bool is_role(Text text) {
  constexpr Text kRoles[] = {"lock", "caller", "stdin", "stdout", "stderr", "socket"};
  return is_one_of(text, kRoles, 6);
}

bool is_one_line(Text text) { return text.find('\n') == text.size; }

bool is_file_name(Text text) {
  return !text.empty() && text.size < kMaxName && text.find('/') == text.size && text != "." && text != "..";
}

/** `CONTROLLER.…`, and not one of the files by which the init rules the cgroup. */
bool is_limit_file(Text text) {
  return is_file_name(text) && text.find('.') < text.size && !text.starts_with("cgroup.");
}

/** Null, or what is wrong with the flags of `bind` or `mount`. */
const char *flags_fault(const Op &op) {
  const bool is_new = op.kind == OpKind::mount;
  for (size_t i = is_new ? first_mount_flag(op) : 2; i < op.count; ++i) {
    const MountFlag flag = mount_flag(op[i]);
    if (!flag.known) return "unknown mount flag";
    if (is_new && !suits_new_mount(flag)) return "a flag for binds only";
    if (flag.propagation != 0 && op.section != kPod) return "propagation is settled where the pod opens a volume";
  }
  return nullptr;
}

/** Null, or what is wrong with one operation by itself. */
const char *fault_of(const Op &op) {
  uint64_t number;
  switch (op.kind) {
    case OpKind::adopt:
      return is_role(op[0]) && op.number(1) <= kMaxInt && op.number(2) <= kMaxInt ? nullptr : "no such role, or no fd";
    case OpKind::inherit: return is_role(op[0]) && op.number(1) <= kMaxInt ? nullptr : "no such role, or no fd";
    case OpKind::namespaces:
      for (size_t i = 0; i < op.count; ++i) {
        constexpr Text kNames[] = {"ipc", "net", "uts"};
        if (!is_one_of(op[i], kNames, 3)) return "no such namespace";
      }
      return nullptr;
    case OpKind::user_namespace:
      return op.number(0) > 0 && op.number(1) > 0 && op.number(0) < kNoId && op.number(1) <= kNoId - op.number(0)
                 ? nullptr : "not a range of IDs of the host";
    case OpKind::credentials:
      for (size_t i = 3; i < op.count; ++i) {
        if (!is_file_name(op[i])) return "not the name of a credential";
      }
      return op.number(1) < kNoId && op.number(2) < kNoId ? nullptr : "not a user or group ID";
    case OpKind::hostname: return !op[0].empty() && op[0].size <= kMaxHostname ? nullptr : "not 1 to 64 bytes long";
    case OpKind::overlay: {
      constexpr size_t kMostLayers = 500;  // OVL_MAX_STACK
      return op.count > 3 && op.count - 3 <= kMostLayers ? nullptr : "not 1 to 500 lower directories";
    }
    case OpKind::bind:
    case OpKind::mount: return flags_fault(op);
    case OpKind::app:
      return is_file_name(op[0]) && is_one_line(op[0]) && is_file_name(op[1]) ? nullptr : "not a name";
    case OpKind::log:  // both are lines of the stream's header
      return is_one_line(op[0]) && is_one_line(op[1]) ? nullptr : "not one line";
    case OpKind::cgroup: return is_limit_file(op[0]) ? nullptr : "not the file of a limit";
    case OpKind::rlimit: return is_rlimit(op) ? nullptr : "no such resource, or not two limits of it";
    case OpKind::oom_score_adj: return is_oom_score(op[0]) ? nullptr : "not from -1000 to 1000";
    case OpKind::sysctl: return owner_of_sysctl(op[0]) == SysctlOwner::host ? "not a setting of a pod's own" : nullptr;
    case OpKind::groups:
      for (size_t i = 0; i < op.count; ++i) {
        if (!parse_decimal(op[i], number) || number >= kNoId) return "not a group ID";
      }
      return nullptr;
    case OpKind::user: return op.number(0) < kNoId && op.number(1) < kNoId ? nullptr : "not a user or group ID";
    case OpKind::devices:
      if (op.count > kMostDeviceRules) return "more than 256 rules";
      for (size_t i = 0; i < op.count; ++i) {
        DeviceRule rule;
        if (!parse_device_rule(op[i], rule)) return "not a rule such as `c 1:3 rwm`";
      }
      return nullptr;
    case OpKind::bandwidth: return op.number(0) > 0 ? nullptr : "nothing could pass";
    case OpKind::selinux: case OpKind::apparmor:
      return !op[0].empty() && op[0].size <= kMaxLabel && op[0].find('\n') == op[0].size ? nullptr : "not a label";
    case OpKind::seccomp: return fault_of_filter(op[0]);
    case OpKind::caps: return op[0].size <= 16 ? nullptr : "a capability mask has at most 64 bits";
    case OpKind::env: return op[0].find('=') > 0 && op[0].find('=') < op[0].size ? nullptr : "not NAME=value";
    case OpKind::args:
    case OpKind::exec: return op.count > 0 ? nullptr : "takes at least one argument";
    default: return nullptr;
  }
}

bool needs_root(OpKind kind) {
  return kind == OpKind::overlay || kind == OpKind::sysctl || kind == OpKind::notify || (kind >= OpKind::mkdir && kind <= OpKind::pivot);
}

/** What has been seen of the pod's or an app's section. */
struct Progress {
  Section section = kHead;
  bool root = false;
  bool pivot = false;
  bool exec = false;
};

/** A whole plan, or a fragment of one for a pod that runs, and has its root already. */
enum class Extent : uint8_t { whole, fragment };

/** Null, or why `op` cannot follow what `seen` says. */
const char *disorder_of(const Op &op, Progress &seen, Extent extent) {
  if (seen.exec && op.kind != OpKind::app) return "follows the app's exec";
  if (op.kind == OpKind::app || (op.section == kPod && seen.section == kHead)) {
    if (op.kind == OpKind::app && !seen.exec && seen.section == kApp) return "the app before it has no exec";
    if (op.kind == OpKind::app && seen.section != kApp && !seen.pivot && extent == Extent::whole) return "the pod's section has no pivot";
    seen = Progress{};
    seen.root = extent == Extent::fragment && op.section == kPod;
  }
  seen.section = op.section;
  const bool makes_root = op.kind == OpKind::pod_root || op.kind == OpKind::root;
  if (makes_root && seen.root) return "there is a root already";
  if (needs_root(op.kind) && !seen.root) return "there is no root yet";
  if ((makes_root || needs_root(op.kind)) && seen.pivot) return "follows the pivot";
  if (op.kind == OpKind::exec && !seen.pivot) return "there was no pivot";
  seen.root |= makes_root;
  seen.pivot |= op.kind == OpKind::pivot;
  seen.exec |= op.kind == OpKind::exec;
  return nullptr;
}

/** What the head says that later operations depend on. */
struct Head {
  bool uts = false;
  bool net = false;
  bool ipc = false;
  bool joins = false;
  /** Size of the pod's own users; 0 if it has the host's. */
  uint64_t users = 0;
};

Head head_of(const Plan &plan) {
  Head head;
  for (const Op &op : plan) {
    if (op.kind == OpKind::user_namespace) head.users = op.number(1);
    head.joins |= op.kind == OpKind::join_network;
    for (size_t i = 0; op.kind == OpKind::namespaces && i < op.count; ++i) {
      head.uts |= op[i] == "uts";
      head.net |= op[i] == "net";
      head.ipc |= op[i] == "ipc";
    }
  }
  return head;
}

bool is_own(SysctlOwner owner, const Head &head) {
  switch (owner) {
    case SysctlOwner::net: return head.net || head.joins;
    case SysctlOwner::ipc: return head.ipc;
    case SysctlOwner::uts: return head.uts;
    case SysctlOwner::host: break;
  }
  return false;
}

/** Null, or what `op` wants and the head does not give. */
const char *discord_of(const Op &op, const Head &head) {
  if (op.kind == OpKind::hostname && !head.uts) return "would name the host: no namespace uts";
  if (op.kind == OpKind::sysctl && !is_own(owner_of_sysctl(op[0]), head)) return "would be set for the host: no such namespace";
  if (op.kind == OpKind::join_network && head.net) return "there is a namespace net already";
  if (op.kind == OpKind::bandwidth && !head.net && !head.joins) return "would limit the host's interfaces: no network of its own";
  if (op.kind == OpKind::bind && mount_flags(op, 2).idmap && head.users == 0) return "idmap without users of the pod's own";
  if (head.users == 0) return nullptr;
  if (op.kind == OpKind::user && (op.number(0) >= head.users || op.number(1) >= head.users)) return "not one of the pod's users";
  for (size_t i = 0; op.kind == OpKind::groups && i < op.count; ++i) {
    if (op.number(i) >= head.users) return "not one of the pod's groups";
  }
  return nullptr;
}

/** Whether an app before `app` has the same name or cgroup. */
bool is_repeated(const Plan &plan, const Op &app) {
  for (const Op *op = plan.begin(); op != &app; ++op) {
    if (op->kind == OpKind::app && (op->args[0] == app[0] || op->args[1] == app[1])) return true;
  }
  return false;
}

bool ends_only_when_stopped(const Plan &plan) {
  for (const Op &op : plan) {
    if (op.kind == OpKind::exit_policy && op[0] == "stop") return true;
  }
  return false;
}

bool may_be_in_fragment(const Op &op) {
  switch (op.section) {
    case kHead: return op.kind == OpKind::pod || op.kind == OpKind::user_namespace;
    case kPod:
      return op.kind == OpKind::overlay || op.kind == OpKind::mkdir || op.kind == OpKind::file || op.kind == OpKind::symlink ||
             op.kind == OpKind::bind || op.kind == OpKind::mount;
    case kApp: return true;
  }
  return false;
}

Outcome<> check_extent(const Plan &plan, Extent extent) {
  Progress seen;
  const Head head = head_of(plan);
  for (const Op &op : plan) {
    if (op.kind == OpKind::pod && &op != plan.begin()) return plan_problem(op.line, "a second pod", op.name());
    if (const char *fault = fault_of(op)) return plan_problem(op.line, fault, op.name());
    if (const char *fault = fault_of_life(plan, op)) return plan_problem(op.line, fault, op.name());
    if (const char *disorder = disorder_of(op, seen, extent)) return plan_problem(op.line, disorder, op.name());
    if (const char *discord = discord_of(op, head)) return plan_problem(op.line, discord, op.name());
    if (op.kind == OpKind::app && is_repeated(plan, op)) return plan_problem(op.line, "an app's name or cgroup twice", op[0]);
  }
  // A pod without apps waits for some, and is over at once if nothing keeps it.
  const bool is_empty = extent == Extent::whole && seen.section == kPod && seen.pivot && ends_only_when_stopped(plan);
  if (!seen.exec && !is_empty) return plan_problem(plan.ops[plan.count - 1].line, "the plan does not end with an app's exec");
  return kDone;
}

}  // namespace

Outcome<> check_plan(const Plan &plan) { return check_extent(plan, Extent::whole); }

Outcome<> check_fragment(const Plan &plan) {
  size_t apps = 0;
  for (const Op &op : plan) {
    if (!may_be_in_fragment(op)) return plan_problem(op.line, "cannot be in a fragment", op.name());
    apps += op.kind == OpKind::app ? 1 : 0;
    if (apps > 1) return plan_problem(op.line, "a second app", op.name());
  }
  return check_extent(plan, Extent::fragment);
}

}  // namespace podctl
