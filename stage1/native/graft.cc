#include "graft.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "ask.h"
#include "files.h"
#include "kernel.h"
#include "mount_copy.h"
#include "paths.h"
#include "perform.h"
#include "report.h"
#include "users.h"

namespace podctl {
namespace {

constexpr Text kSize = "8388608";
constexpr int64_t kPatienceMs = 10000;
constexpr uint32_t kAllowSealing = 1 | 2;  // MFD_CLOEXEC | MFD_ALLOW_SEALING

/** A mount on its way from here to the pod. */
struct Transplant {
  /** Where it is in the pod-level root, here and there. */
  Text target{};
  Fd copy{};
  bool is_attached = false;
};

struct Graft {
  Pod &pod;
  Fd connection{};
  /** The init's process, and its number here. */
  Fd init{};
  long pid = 0;
  Transplant *mounts = nullptr;
  size_t count = 0;
};

/** The target of an operation that mounts something, else empty. */
Text mount_target(const Op &op) {
  switch (op.kind) {
    case OpKind::overlay: return op[0];
    case OpKind::bind:
    case OpKind::mount: return op[1];
    default: return {};
  }
}

/** Whether `path` is `directory` or lies in it. */
bool is_within(Text path, Text directory) {
  return path.starts_with(directory) && (path.size == directory.size || path[directory.size] == '/');
}

bool is_covered(const Graft &graft, Text path) {
  for (size_t i = 0; i < graft.count; ++i) {
    if (is_within(path, graft.mounts[i].target)) return true;
  }
  return false;
}

/** Asks whether the pod has the app already, which also tells that the process at the other end was alive just now. */
Outcome<> meet(Graft &graft, Text app) {
  graft.connection = TRY(connect_control(graft.pod.directory));
  graft.pid = TRY(init_of(graft.connection));
  graft.init = Fd(TRY(check(sys::pidfd_open(graft.pid), "pidfd_open", "the pod's init")));
  TRY(ask(graft.connection, "list", Fd()));
  for (;;) {
    char buffer[kMaxAnswer];
    Text answer = TRY(hear_answer(graft.connection, buffer, kPatienceMs));
    if (answer == "ok") return kDone;
    if (split(answer, '\n') != "more") return problem("an answer that is none", "control");
    while (!answer.empty()) {
      Text line = split(answer, '\n');
      if (split(line, ' ') == app) return problem("the pod has an app of this name", app);
    }
  }
}

/** The init does not wait for long for somebody silent. From the pod's mount namespace its socket cannot be reached. */
Outcome<> meet_again(Graft &graft) {
  graft.connection = TRY(connect_control(graft.pod.directory));
  if (TRY(init_of(graft.connection)) != graft.pid) return problem("the pod's init is another one now", "control");
  return kDone;
}

/** Performs the fragment's operations of the pod in a pod-level root that only this process sees, and copies what they mounted. */
Outcome<> prepare(Graft &graft, Scene &scene, Text directory) {
  TRY(check(sys::unshare(CLONE_NEWNS), "unshare", "mount namespace"));
  TRY(make_namespaces(graft.pod));
  TRY(open_sources(scene));
  TRY(copy_propagating(graft.pod.arena, scene.places, graft.pod.plan));
  TRY(make_mounts_private(scene.places.source.get()));
  if (graft.pod.users.are_own()) TRY(own_new_files(graft.pod.users.first));
  Buffer<4096> root;
  root << directory << "/root";
  if (root.overflowed()) return problem("longer than a path can be", directory);
  TRY(mount_pod_root(scene.places, root.text(), kSize));
  graft.mounts = graft.pod.arena.array<Transplant>(graft.pod.plan.count);
  for (const Op &op : graft.pod.plan) {
    if (op.section != kPod) continue;
    TRY(perform(scene, op));
    const Text target = mount_target(op);
    if (!target.empty() && !is_covered(graft, target)) graft.mounts[graft.count++].target = target;
  }
  for (size_t i = 0; i < graft.count; ++i) {
    Transplant &mount = graft.mounts[i];
    const Fd there = TRY(open_below(scene.places.root.get(), mount.target));
    mount.copy = TRY(copy_mount(there.get(), true, mount.target));
  }
  return kDone;
}

/** What a graft that was killed has left at a target. */
void clear(Text target) {
  while (sys::umount2(target.c_str(), kMountDetach | kMountNoFollow) == 0) {
  }
}

Outcome<> attach_one(const Scene &scene, Transplant &mount) {
  clear(mount.target);
  const int root = scene.places.root.get();
  const bool is_directory = (TRY(mode_of(mount.copy.get(), mount.target)) & kFileType) == kDirectory;
  const Fd place = is_directory ? TRY(make_directory(root, mount.target, 0755)) : TRY(make_file(root, mount.target, 0644));
  TRY(attach(mount.copy.get(), place.get(), mount.target));
  mount.is_attached = true;
  return kDone;
}

/** In the pod's mount namespace, whose root is the pod-level root. */
Outcome<> attach_all(Graft &graft, Scene &scene) {
  TRY(check(sys::setns(graft.init.get(), CLONE_NEWNS), "setns", "the pod's mount namespace"));
  TRY(open_sources(scene));
  scene.places.root = TRY(open_at(AT_FDCWD, "/", kOpenDirectory));
  size_t next = 0;
  for (const Op &op : graft.pod.plan) {
    if (op.section != kPod) continue;
    const Text target = mount_target(op);
    if (next < graft.count && target == graft.mounts[next].target) {
      TRY(attach_one(scene, graft.mounts[next++]));
    } else if (target.empty() && !is_covered(graft, op[0])) {
      TRY(perform(scene, op));
    }
  }
  return kDone;
}

void detach_all(const Graft &graft) {
  for (size_t i = graft.count; i > 0; --i) {
    const Transplant &mount = graft.mounts[i - 1];
    if (!mount.is_attached) continue;
    // ignored, as the next: what remains is cleared by the next graft of this app, or ends with the pod
    static_cast<void>(sys::umount2(mount.target.c_str(), kMountDetach | kMountNoFollow));
    static_cast<void>(sys::unlinkat(AT_FDCWD, mount.target.c_str(), AT_REMOVEDIR));
  }
}

Outcome<Fd> sealed_copy(Text text) {
  Fd memory(TRY(check(sys::memfd_create("fragment", kAllowSealing), "memfd_create", "the fragment")));
  while (!text.empty()) {
    text = text.from(static_cast<size_t>(TRY(check(sys::write(memory.get(), text.data, text.size), "write", "the fragment"))));
  }
  TRY(check(sys::fcntl(memory.get(), kAddSeals, kAllSeals), "fcntl", "the fragment"));
  return memory;
}

Outcome<> hand_over(Graft &graft, const Fd &fragment) {
  TRY(ask(graft.connection, "add", fragment));
  char buffer[kMaxAnswer];
  const Text answer = TRY(hear_answer(graft.connection, buffer, kPatienceMs));
  if (answer == "ok") return kDone;
  return problem(graft.pod.arena.copy(answer), "the pod's init");
}

Outcome<> perform_graft(Arena &arena, const char *directory, const char *path) {
  const Text text = TRY(read_plan(arena, path));
  const Fd memory = TRY(sealed_copy(text));  // decoding changes the text
  const Plan plan = TRY(decode_plan(arena, text));
  TRY(check_fragment(plan));
  Pod pod{arena, plan};
  Scene scene{pod};
  Text app;
  for (const Op &op : plan) {
    if (op.section == kHead) TRY(perform(scene, op));
    if (op.kind == OpKind::app) app = op[0];
  }
  Graft graft{pod};
  TRY(meet(graft, app));
  TRY(prepare(graft, scene, directory));
  TRY(meet_again(graft));
  Outcome<> done = attach_all(graft, scene);
  if (done.ok()) done = hand_over(graft, memory);
  if (!done.ok()) detach_all(graft);
  return done;
}

}  // namespace

int graft(const char *directory, const char *fragment) {
  static_cast<void>(sys::prctl(PR_SET_DUMPABLE, 0));  // ignored: cannot fail
  Arena arena;
  const Outcome<> done = perform_graft(arena, directory, fragment);
  if (done.ok()) return 0;
  if (done.failure->operation.empty()) done.failure->operation = "graft";
  write_all(1, Wording(*done.failure).report().record);
  return kOwnFailure;
}

}  // namespace podctl
