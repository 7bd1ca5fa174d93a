#include "members.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "app.h"
#include "cgroup.h"
#include "files.h"
#include "kernel.h"

namespace podctl {
namespace {

Outcome<Text> read_sealed(Arena &arena, const Fd &file) {
  const sys::Result seals = sys::fcntl(file.get(), kGetSeals, 0);
  if (seals < 0 || (seals & kAllSeals) != kAllSeals) return problem("the fragment is not a sealed memfd");
  struct statx info{};
  TRY(check(sys::statx(file.get(), "", AT_EMPTY_PATH, STATX_SIZE, &info), "statx", "the fragment"));
  if (info.stx_size == 0 || info.stx_size > kMaxPlanBytes) return problem("the fragment is empty, or larger than 4194304 bytes");
  auto *const bytes = static_cast<char *>(arena.bytes(info.stx_size + 1));
  for (size_t size = 0; size < info.stx_size;) {
    const long got = TRY(check(sys::pread(file.get(), bytes + size, info.stx_size - size, size), "pread64", "the fragment"));
    if (got == 0) return problem("the fragment ended early");
    size += static_cast<size_t>(got);
  }
  return Text(bytes, info.stx_size);
}

/** The app of `plan`, if it fits the pod. */
Outcome<> check_newcomer(const Pod &pod, const Plan &plan) {
  if (plan.ops[0][0] != pod.uuid) return problem("the fragment is another pod's");
  for (const Op &op : plan) {
    if (op.kind != OpKind::app) continue;
    for (const App &app : pod) {
      if (app.name == op[0] || app.cgroup_name == op[1]) return problem("the pod has an app of this name", op[0]);
    }
  }
  return kDone;
}

Outcome<Plan> read_fragment(const Pod &pod, Arena &arena, const Fd &file) {
  const Plan plan = TRY(decode_plan(arena, TRY(read_sealed(arena, file))));
  TRY(check_fragment(plan));
  TRY(check_newcomer(pod, plan));
  return plan;
}

/** How long what was killed may take to end: the whole pod waits. */
constexpr uint64_t kDyingMs = 1000;

/** Its root in the pod-level root, with all that is mounted there. */
Outcome<> remove_root(const App &app) {
  for (const Op *op = app.first; op != app.last; ++op) {
    if (op->kind != OpKind::root) continue;
    const Text root = (*op)[0];
    const sys::Result unmounted = sys::umount2(root.c_str(), kMountDetach | kMountNoFollow);
    if (unmounted != -EINVAL && unmounted != -ENOENT) TRY(check(unmounted, "umount2", root));
    const sys::Result removed = sys::unlinkat(AT_FDCWD, root.c_str(), AT_REMOVEDIR);
    if (removed != -ENOENT) TRY(check(removed, "unlinkat", root));
  }
  return kDone;
}

void unlink(Pod &pod, App &app) {
  App **place = &pod.apps;
  while (*place != &app) place = &(*place)->next;
  *place = app.next;
  --pod.app_count;
}

}  // namespace

Outcome<> join_pod(Pod &pod, const Fd &fragment) {
  Arena arena;
  Outcome<Plan> plan = read_fragment(pod, arena, fragment);
  if (!plan.ok()) {
    plan.failure->object = {};  // it is in the fragment
    arena.release();
    return plan.failure;
  }
  App &app = *add_apps(pod, plan.value);
  app.own.take(arena);
  // Nothing of it has run, and nothing will before it is asked for.
  app.state = App::State::exited;
  return kDone;
}

Outcome<> leave_pod(Pod &pod, App &app) {
  // What is told of a failure is not the app's own, which is gone by then.
  Outcome<> done = remove_root(app);
  if (!done.ok()) done.failure->object = "its root";
  if (app.cgroup.is_open()) await_empty(app.cgroup, kDyingMs);
  app.cgroup.close();
  Outcome<> removed = remove_app_cgroup(pod.apps_cgroup, app.cgroup_name);
  if (!removed.ok()) removed.failure->object = "its cgroup";
  if (done.ok() && !removed.ok()) done = removed.failure;
  // ignored: an app that never ran has none
  static_cast<void>(sys::unlinkat(pod.statuses.get(), app.name.c_str(), 0));
  unlink(pod, app);
  recycle(pod, app);
  return done;
}

}  // namespace podctl
