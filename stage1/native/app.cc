#include "app.h"

#include <linux/fcntl.h>
#include <linux/sched.h>

#include "cgroup.h"
#include "files.h"
#include "mounts.h"
#include "perform.h"
#include "readiness.h"
#include "wiring.h"

namespace podctl {
namespace {

Outcome<> perform_for_init(Pod &pod, App &app) {
  Scene scene{pod, &app};
  for (const Op *op = app.first; op != app.last; ++op) {
    if (is_for_init(op->kind)) TRY(perform(scene, *op));
  }
  return kDone;
}

/** What all runs of the app share. */
Outcome<> make_lasting(Pod &pod, App &app) {
  app.cgroup = TRY(make_app_cgroup(pod.apps_cgroup, app.cgroup_name));
  TRY(perform_for_init(pod, app));
  for (const Op *op = app.first; op != app.last; ++op) {
    if (op->kind == OpKind::root) TRY(share_app_root((*op)[0]));
  }
  if (app.notify != nullptr) app.readiness = TRY(make_readiness_socket(app));
  return kDone;
}

/**
 * Clones the child with a mount namespace that the init keeps a descriptor of. The init makes it and leaves it again, since it
 * may not look at its children's through /proc (they cannot be dumped).
 */
Outcome<long> clone_with_kept_view(App &app) {
  constexpr Text kPath = "/proc/self/ns/mnt";
  const Fd own = TRY(open_at(AT_FDCWD, kPath, O_RDONLY));
  TRY(check(sys::unshare(CLONE_NEWNS), "unshare", "mount namespace"));
  Outcome<Fd> view = open_at(AT_FDCWD, kPath, O_RDONLY);
  Outcome<long> pid = view.ok() ? clone_into_app(app, 0) : Outcome<long>(view.failure);
  if (pid.ok() && pid.value == 0) return pid;
  TRY(check(sys::setns(own.get(), CLONE_NEWNS), "setns", "the pod's mount namespace"));
  if (pid.ok()) app.view = static_cast<Fd &&>(view.value);
  return pid;
}

int choose(const Fd &kept, const Fd &fresh, const Fd &null) {
  return kept.is_open() ? kept.get() : fresh.is_open() ? fresh.get() : null.get();
}

Outcome<> start(Pod &pod, App &app, Part part) {
  if (!app.cgroup.is_open()) TRY(make_lasting(pod, app));
  Ends ends;
  TRY(wire(pod, app, ends));
  const bool needs_null = app.stdio[1] == Stdio::null || app.stdio[2] == Stdio::null;
  const Fd null(TRY(check(sys::openat2(AT_FDCWD, "/dev/null", (needs_null ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0, 0), "openat2", "/dev/null")));
  ChildFiles files;
  files.in = part == Part::main ? choose(app.in_end, ends.in, null) : null.get();
  files.out = choose(app.out_end, ends.out, null);
  files.err = choose(app.err_end, ends.err, null);
  TRY(make_pipe_to_init(app.start_report, files.report));
  TRY(await_terminal(app, files.terminal));
  const bool is_last = part == Part::post_stop || (part == Part::main && app.post_stop == nullptr);
  long pid;
  if (app.view.is_open()) {
    pid = TRY(clone_into_app(app, 0));
  } else if (is_last) {
    pid = TRY(clone_into_app(app, CLONE_NEWNS));
  } else {
    pid = TRY(clone_with_kept_view(app));
  }
  if (pid == 0) run_child(pod, app, Errand{part}, files);
  app.pid = pid;
  if (is_last) app.view.close();
  return kDone;
}

Stdio stdio_of(Text word) {
  return word == "log" ? Stdio::log : word == "stream" ? Stdio::stream : word == "tty" ? Stdio::tty : Stdio::null;
}

/** What the section says of the app's life. */
void read_section(App &app) {
  for (const Op *op = app.first; op != app.last; ++op) {
    switch (op->kind) {
      case OpKind::after: app.after = op; break;
      case OpKind::notify: app.notify = op; break;
      case OpKind::restart: app.restart = (*op)[0] == "never" ? nullptr : op; break;
      case OpKind::listen: app.listen = op; break;
      case OpKind::reload_signal: app.reload_signal = static_cast<int>(op->number(0)); break;
      case OpKind::stop_signal: app.stop_signal = static_cast<int>(op->number(0)); break;
      case OpKind::health: app.check = op; break;
      case OpKind::ready_when_healthy: app.awaits_health = true; break;
      case OpKind::stdio:
        for (size_t i = 0; i < 3; ++i) app.stdio[i] = stdio_of((*op)[i]);
        break;
      case OpKind::terminal:
        app.terminal.rows = static_cast<uint16_t>(op->number(0));
        app.terminal.columns = static_cast<uint16_t>(op->number(1));
        break;
      case OpKind::handler: ((*op)[0] == "pre-start" ? app.pre_start : app.post_stop) = op; break;
      default: break;
    }
  }
}

/** A new app, in the place and with the buffers of one that has left, if there is one. */
App *make_app(Pod &pod) {
  if (pod.spare == nullptr) return pod.arena.array<App>(1);
  App *const app = pod.spare;
  pod.spare = app->next;
  app->next = nullptr;
  return app;
}

}  // namespace

Outcome<> make_pipe_to_init(Fd &ours, Fd &theirs) {
  TRY(make_pipe(ours, theirs));
  TRY(check(sys::fcntl(ours.get(), F_SETFL, O_NONBLOCK), "fcntl"));
  return kDone;
}

Outcome<> give_pipe(const Users &users, const App &app, const Fd &pipe) {
  for (const Op *op = app.first; op != app.last; ++op) {
    if (op->kind != OpKind::user) continue;
    const uint32_t uid = users.first + static_cast<uint32_t>(op->number(0));
    const uint32_t gid = users.first + static_cast<uint32_t>(op->number(1));
    TRY(check(sys::fchown(pipe.get(), uid, gid), "fchown", "the app's pipe"));
  }
  return kDone;
}

Outcome<long> clone_into_app(const App &app, uint64_t flags) {
  clone_args args{};
  args.flags = flags;
  args.exit_signal = kSignalChild;
  if (!app.is_cgroup_used_up) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(app.cgroup.get());
  }
  return check(sys::clone3(args), "clone3");
}

App *add_apps(Pod &pod, const Plan &plan) {
  App **end = &pod.apps;
  App *newest = nullptr;
  while (*end != nullptr) end = &(*end)->next;
  for (const Op &op : plan) {
    if (op.kind == OpKind::app) {
      App *const app = newest = make_app(pod);
      app->name = op[0];
      app->cgroup_name = op[1];
      app->first = &op;
      *end = app;
      ++pod.app_count;
    }
    if (op.kind != OpKind::exec) continue;
    (*end)->last = &op + 1;
    read_section(**end);
    end = &(*end)->next;
  }
  return newest;
}

void recycle(Pod &pod, App &app) {
  char *const in = app.in.buffer;
  char *const out = app.out.buffer;
  char *const err = app.err.buffer;
  const size_t out_capacity = app.out.capacity;
  const size_t err_capacity = app.err.capacity;
  char *const detail = app.detail_buffer;
  char *const said = app.health.output;
  app.own.release();
  app.~App();
  ::new (static_cast<void *>(&app), InPlace{}) App();
  app.in.buffer = in;
  app.out.buffer = out;
  app.out.capacity = out_capacity;
  app.err.buffer = err;
  app.err.capacity = err_capacity;
  app.detail_buffer = detail;
  app.health.output = said;
  app.next = pod.spare;
  pod.spare = &app;
}

Outcome<> start_process(Pod &pod, App &app, Part part) {
  Outcome<> started = start(pod, app, part);
  if (started.ok()) return kDone;
  started.failure->app = app.name;
  if (started.failure->operation.empty()) started.failure->operation = "start";
  return started;
}

bool has_filter(const App &app) {
  for (const Op *op = app.first; op != app.last; ++op) {
    if (op->kind == OpKind::seccomp) return true;
  }
  return false;
}

}  // namespace podctl
