#include "perform.h"

#include <linux/fcntl.h>
#include <linux/sched.h>

#include "cgroup.h"
#include "credentials.h"
#include "devices.h"
#include "facade.h"
#include "network.h"
#include "paths.h"
#include "readiness.h"
#include "report.h"
#include "sockets.h"
#include "sysctl.h"
#include "takeover.h"
#include "traffic.h"

namespace podctl {
namespace {

/** Each stream that journald serves costs it, systemd and us some work: most apps never use both, some neither. */
Outcome<> announce_streams(const Scene &scene) {
  if (!scene.pod.journal.is_open()) return kDone;  // the init has warned
  App &app = *scene.app;
  if (app.stdio[1] == Stdio::log) app.out.journal_retry = kAtFirstOutput;
  if (app.stdio[2] == Stdio::log) app.err.journal_retry = kAtFirstOutput;
  return kDone;
}

uint64_t namespace_flags(const Op &op) {
  uint64_t flags = 0;
  for (size_t i = 0; i < op.count; ++i) {
    if (op[i] == "ipc") flags |= CLONE_NEWIPC;
    if (op[i] == "net") flags |= CLONE_NEWNET;
    if (op[i] == "uts") flags |= CLONE_NEWUTS;
  }
  return flags;
}

Outcome<> open_pod(Pod &pod, const Op &op) {
  pod.uuid = op[0];
  pod.directory = Fd(TRY(check(
      sys::openat2(AT_FDCWD, op[1].c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0), "openat2", op[1])));
  return kDone;
}

/** machined is a convenience: a pod runs without it, and says so. */
void find_machined(Pod &pod, const Op &op) {
  const Outcome<> ready = prepare_calls(pod.bus, pod.arena, op[0], op[1]);
  if (ready.ok()) return;
  ready.failure->operation = op.name();
  ready.failure->line = op.line;
  warn(pod, *ready.failure);
}

/** Says when the pod ends; check.cc knows the words. */
void choose_exit_policy(Pod &pod, const Op &op) {
  pod.exit_policy = op[0] == "any" ? ExitPolicy::any : op[0] == "all" ? ExitPolicy::all : op[0] == "stop" ? ExitPolicy::stop : ExitPolicy::main;
  if (op.count > 1) pod.main_app = op[1];
}

/** The program of a handler, in the environment of its app. */
Program program_of_handler(Arena &arena, const App &app, const Op &handler) {
  const size_t arguments = handler.number(1);
  const Text *const argv = handler.args + 2;
  return {argv + arguments, handler.count - 2 - arguments, argv, arguments, environment_of(arena, app.first, app.last)};
}

/** The program of the app whose section begins at `first`. */
Program program_of(Arena &arena, const Op *first, const Op &exec) {
  Program program{exec.args, exec.count, nullptr, 0, environment_of(arena, first, &exec)};
  for (const Op *op = first; op != &exec; ++op) {
    if (op->kind == OpKind::listen) program.environment = with_listen_variables(arena, program.environment, *op);
    if (op->kind != OpKind::args) continue;
    program.arguments = op->args;
    program.argument_count = op->count;
  }
  return program;
}

Outcome<> perform_one(Scene &scene, const Op &op) {
  Pod &pod = scene.pod;
  Places &places = scene.places;
  Identity &identity = scene.identity;
  switch (op.kind) {
    // The head, in the launcher. Safe: host paths and files that stage0 (root) chose; nothing of an image is read yet.
    case OpKind::pod: return open_pod(pod, op);
    // Safe: the pid is stage0's own, which waits for this unit to be ready; the file comes with O_CLOEXEC.
    case OpKind::adopt: return adopt(pod, op);
    // Safe: the launcher has closed every inherited file that no such operation names.
    case OpKind::inherit: return inherit(pod, op);
    case OpKind::namespaces: pod.namespaces = namespace_flags(op); return kDone;
    // Safe: check.cc keeps the host's root out of the range; stage0 gives it to no other pod.
    case OpKind::user_namespace:
      pod.users.first = static_cast<uint32_t>(op.number(0));
      pod.users.count = static_cast<uint32_t>(op.number(1));
      return kDone;
    // Safe: a host path that the operator chose, and a namespace for sure; joined before the init is there.
    case OpKind::join_network: pod.network = TRY(open_network(op[0])); return kDone;
    case OpKind::stop_grace: pod.stop_grace_ms = op.number(0); return kDone;
    case OpKind::exit_policy: choose_exit_policy(pod, op); return kDone;

    // Safe: before the pivot, so the path is the host's; the messages are stage0's, and their answer is only reported.
    case OpKind::machine: find_machined(pod, op); return kDone;
    // Safe: check.cc wants `namespaces uts` with it, else the host would be renamed.
    case OpKind::hostname:
      TRY(check(sys::sethostname(op[0].c_str(), op[0].size), "sethostname", op[0]));
      return kDone;
    // Safe: in the pod's own network namespace, or a no-op on a host whose `lo` is up.
    case OpKind::loopback: return bring_up_loopback();
    // Safe: check.cc wants the setting to be one of a namespace that the head makes or joins; the /proc is the pod's own.
    case OpKind::sysctl: return set_sysctl(pod, places.root.get(), op[0], op[1]);
    // Safe: check.cc wants a network namespace with it, else the host's interfaces would be limited.
    case OpKind::bandwidth: return limit_bandwidth(op.number(0));
    // Safe: the mount is made in the pod's mount namespace, on a directory of the new pod-level root.
    case OpKind::overlay: return mount_overlay(places, op);
    // Safe: covers a directory that stage0 made for it, in the pod's mount namespace only.
    case OpKind::pod_root: return mount_pod_root(places, op[0], op[1]);
    // Safe: a directory of the pod-level root, which only this plan filled.
    case OpKind::root: return choose_root(places, op[0]);

    // Safe: targets are resolved below the root (RESOLVE_IN_ROOT, no magic links), so an image's links stay in the image.
    case OpKind::mkdir: TRY(make_directory(places.root.get(), op[0], static_cast<uint32_t>(octal(op[1])))); return kDone;
    // Safe: as mkdir; and a device or FIFO that an image put there is never written to.
    case OpKind::file: return write_file_below(places.root.get(), op[0], static_cast<uint32_t>(octal(op[1])), op[2]);
    // Safe: as mkdir; the link is made, never followed, and what it says is resolved by the app only.
    case OpKind::symlink: return make_symlink(places.root.get(), op[0], op[1]);
    // Safe: the target is below the root and reached through no link at all; the source is the host's or the pod-level root's,
    // or is reached through no link (`nofollow`); flags are set before the mount is attached, so no instant shows it without.
    case OpKind::bind: return bind(places, op);
    // Safe: as bind, and the file system is new.
    case OpKind::mount: return mount_new(places, op);
    // Safe: hides behind the pod-level root's /dev/null (checked to be one), not the image's (CVE-2025-31133).
    case OpKind::mask: return hide(places, op[0]);
    // Safe: the copy is read-only before it covers the original.
    case OpKind::readonly: return make_read_only(places, op[0]);
    // Safe: only takes rights away, in the app's own mount namespace.
    case OpKind::root_readonly: return make_root_read_only(places);
    // Safe: a socket in the pod-level root, on a file system that no app is shown.
    case OpKind::facade: pod.facade = TRY(listen_facade(places.root.get(), op[0])); return kDone;
    // Safe: out of systemd's directory, which only root writes, into a file system of the pod-level root that no image is in yet.
    case OpKind::credentials: return copy_credentials(pod, places, op);
    // Safe: the old root is detached in the same operation; no descriptor of it is left to an app (app.cc closes all).
    case OpKind::pivot: return pivot(places);

    // Safe: as bind, of a socket that the init made where no app can reach it.
    case OpKind::notify: return show_readiness_socket(places, *scene.app, op[0]);
    // Performed by the init for its app: add_apps read the first six; limits are set before the app's first process is there.
    case OpKind::app: case OpKind::after: case OpKind::restart: case OpKind::stop_signal: case OpKind::stdio: case OpKind::terminal: case OpKind::reload_signal:
    case OpKind::health: case OpKind::ready_when_healthy: return kDone;
    case OpKind::log: return announce_streams(scene);
    case OpKind::cgroup: return set_limit(pod.arena, scene.app->cgroup, op[0], op[1]);
    // Safe: narrows what the cgroups above allow, and is there before the app's first process.
    case OpKind::devices: return restrict_devices(scene.app->cgroup, op);

    // Only noted: exec assumes all of it at once, so that no order in a plan can lose a restriction.
    case OpKind::cwd: case OpKind::groups: case OpKind::user: case OpKind::caps: case OpKind::no_new_privs:
    case OpKind::may_gain_privs: case OpKind::rlimit: case OpKind::oom_score_adj:
    case OpKind::selinux: case OpKind::apparmor: case OpKind::seccomp:
      note(identity, op);
      return kDone;
    // Found by exec among the section's operations.
    case OpKind::args: case OpKind::env: case OpKind::listen: return kDone;
    // Safe: after the pivot, with the app's identity and none but its own files open.
    case OpKind::exec:
      TRY(assume(identity));
      return execute(pod.arena, identity, program_of(pod.arena, scene.app->first, op));
    // Safe: as exec, with what confines the app, but as root, since it prepares what the app's user may not (appc B11).
    case OpKind::handler:
      identity.uid = identity.gid = 0;
      identity.groups = nullptr;
      TRY(assume(identity));
      return execute(pod.arena, identity, program_of_handler(pod.arena, *scene.app, op));
  }
  return problem("not performed by this version");
}

}  // namespace

Outcome<> perform(Scene &scene, const Op &op) {
  Outcome<> done = perform_one(scene, op);
  if (done.ok()) return done;
  done.failure->operation = op.kind == OpKind::handler ? op[0] : op.name();
  done.failure->line = op.line;
  if (scene.app != nullptr) done.failure->app = scene.app->name;
  return done;
}

Outcome<> open_sources(Scene &scene) {
  scene.places.users = &scene.pod.users;
  scene.places.source = Fd(TRY(check(sys::openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0), "openat2", "/")));
  return kDone;
}

}  // namespace podctl
