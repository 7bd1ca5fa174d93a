// The plan in memory, and the table of operations: what stage1/plan/op.ts is for TypeScript. `podctl-stage1 ops` prints the
// table, and a test holds the two against each other.
#pragma once

#include "arena.h"
#include "error.h"
#include "text.h"

namespace podctl {

constexpr int kPlanVersion = 2;
constexpr int kInterfaceVersion = 1;
constexpr size_t kMaxPlanBytes = 4 * 1024 * 1024;
constexpr size_t kMaxOps = 16384;
constexpr size_t kMaxArgs = 4096;
/** Arguments that an operation has a kind for, each; a last one may stand for many. */
constexpr size_t kMostKinds = 8;

/** In the order of op.ts, which is that of kOps. */
enum class OpKind : uint8_t {
  pod, adopt, inherit, namespaces, user_namespace, join_network, stop_grace, exit_policy,
  machine, hostname, loopback, sysctl, bandwidth, overlay,
  pod_root, root, mkdir, file, symlink, bind, mount, mask, readonly, root_readonly, facade, credentials, pivot,
  app, log, cgroup, devices, after, notify, restart, stop_signal, stdio, terminal, listen, reload_signal, handler, health, ready_when_healthy,
  cwd, groups, user, caps, no_new_privs, may_gain_privs, rlimit, oom_score_adj, selinux, apparmor, seccomp, env, args, exec,
};

enum class ArgKind : uint8_t { none, text, path, num, oct, hex, texts };

/** In the order in which they follow each other; as a bit mask in OpSyntax. */
enum Section : uint8_t { kHead = 1, kPod = 2, kApp = 4 };

struct OpSyntax {
  OpKind kind;
  const char *name;
  uint8_t sections;
  ArgKind args[kMostKinds];
};

extern const OpSyntax kOps[];
extern const size_t kOpCount;

inline const OpSyntax &syntax_of(OpKind kind) { return kOps[static_cast<size_t>(kind)]; }

/** Arguments are NUL-terminated, without NUL inside, and of the kind that the table says. */
struct Op {
  OpKind kind = OpKind::pod;
  Section section = kHead;
  uint32_t line = 0;
  uint32_t count = 0;
  const Text *args = nullptr;

  Text name() const { return syntax_of(kind).name; }
  Text operator[](size_t index) const { return args[index]; }
  uint64_t number(size_t index) const;
};

struct Plan {
  const Op *ops = nullptr;
  size_t count = 0;

  const Op *begin() const { return ops; }
  const Op *end() const { return ops + count; }
};

/** Reads a plan file whole. */
Outcome<Text> read_plan(Arena &arena, const char *path);

/** Decodes `bytes` in place. A failure's line says where; nothing else has happened then. */
Outcome<Plan> decode_plan(Arena &arena, Text bytes);

/** Refuses what the table allows and the executor could not perform: unknown roles or flags, a missing pivot or exec. */
Outcome<> check_plan(const Plan &plan);

/**
 * The same for a fragment, with which an app joins a running pod: of the head the pod and its users, of the pod's section mounts
 * and files, and one app that waits for no other.
 */
Outcome<> check_fragment(const Plan &plan);

/** A failure of the plan itself. */
Failure plan_problem(uint32_t line, Text detail, Text object = {});

}  // namespace podctl
