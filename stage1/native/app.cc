#include "app.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "cgroup.h"
#include "kernel.h"
#include "limits.h"
#include "paths.h"
#include "perform.h"
#include "report.h"

namespace podctl {
namespace {

/** Operations of an app's section that its child could not perform from inside the app's root. */
bool is_for_init(const Op &op) { return op.kind == OpKind::log || op.kind == OpKind::cgroup || op.kind == OpKind::devices; }

/** The files that become the child's, and where it reports to. */
struct ChildFiles {
  Fd null{};
  Fd out{};
  Fd err{};
  Fd report{};
};

/** `ours` is read by the init and never blocks it; the app's end is an ordinary pipe. */
Outcome<> make_pipe(Fd &ours, Fd &theirs) {
  int ends[2];
  TRY(check(sys::pipe2(ends, O_CLOEXEC), "pipe2"));
  ours = Fd(ends[0]);
  theirs = Fd(ends[1]);
  TRY(check(sys::fcntl(ours.get(), F_SETFL, O_NONBLOCK), "fcntl"));
  return kDone;
}

Outcome<> make_stream(Pod &pod, Stream &stream, Sink &caller, Fd &theirs) {
  TRY(make_pipe(stream.pipe, theirs));
  stream.caller = caller.fd.is_open() ? &caller : nullptr;
  stream.buffer = static_cast<char *>(pod.arena.bytes(kStreamBuffer));
  return kDone;
}

/** Fixed places for the child's files, whatever numbers they have now: 0 to 2, and the report behind them. */
constexpr int kReportFd = 3;

Outcome<> place_files(ChildFiles &files) {
  // Numbers above all targets first, so that no dup3 overwrites a file that is still to be moved.
  constexpr int kAbove = 10;
  const int sources[] = {files.null.get(), files.out.get(), files.err.get(), files.report.get()};
  int moved[4];
  for (int i = 0; i < 4; ++i) {
    moved[i] = static_cast<int>(TRY(check(sys::fcntl(sources[i], F_DUPFD_CLOEXEC, kAbove), "fcntl")));
  }
  for (int i = 0; i < 3; ++i) TRY(check(sys::dup3(moved[i], i, 0), "dup3"));
  TRY(check(sys::dup3(moved[3], kReportFd, O_CLOEXEC), "dup3"));
  return kDone;
}

/** Everything up to the exec. The launcher's and the init's files are closed before anything of the image is entered. */
Outcome<> run_section(Scene &scene) {
  TRY(check(sys::unshare(CLONE_NEWCGROUP), "unshare", "cgroup namespace"));
  TRY(open_sources(scene));
  const Users &users = scene.pod.users;
  if (users.are_own()) TRY(own_new_files(users.first));
  for (const Op *op = scene.app->first; op != scene.app->last; ++op) {
    if (op->kind == OpKind::exec) {
      scene.places = Places{};
      TRY(limit_process(scene.identity));
      if (users.are_own()) TRY(join(users));
      TRY(check(sys::close_range(kReportFd + 1, ~0U, 0), "close_range"));
      TRY(check(sys::setsid(), "setsid"));
      TRY(check(sys::umask(022), "umask"));
      TRY(reset_signals());
    }
    if (!is_for_init(*op)) TRY(perform(scene, *op));
  }
  return kDone;
}

/** The app's child. Nothing here returns to the init's code. */
[[noreturn]] void run_child(Pod &pod, App &app, ChildFiles &files) {
  Scene scene{pod, &app};
  Outcome<> placed = place_files(files);
  const int report = placed.ok() ? kReportFd : files.report.get();
  const Outcome<> ran = placed.ok() ? run_section(scene) : static_cast<Outcome<> &&>(placed);
  if (ran.ok()) sys::exit_group(kOwnFailure);  // the plan ended without an exec: check.cc refuses that
  ran.failure->app = app.name;
  if (ran.failure->operation.empty()) ran.failure->operation = "start";
  send_report(report, *ran.failure);
  sys::exit_group(kOwnFailure);
}

Outcome<> perform_for_init(Pod &pod, App &app) {
  Scene scene{pod, &app};
  for (const Op *op = app.first; op != app.last; ++op) {
    if (is_for_init(*op)) TRY(perform(scene, *op));
  }
  return kDone;
}

/** uid and gid of the app, which own its pipes: else it could not reopen them as /dev/stdout. */
Outcome<> give_pipe(const Users &users, const App &app, const Fd &pipe) {
  for (const Op *op = app.first; op != app.last; ++op) {
    if (op->kind != OpKind::user) continue;
    const uint32_t uid = users.first + static_cast<uint32_t>(op->number(0));
    const uint32_t gid = users.first + static_cast<uint32_t>(op->number(1));
    TRY(check(sys::fchown(pipe.get(), uid, gid), "fchown", "the app's pipe"));
  }
  return kDone;
}

Outcome<> start(Pod &pod, App &app) {
  app.cgroup = TRY(make_app_cgroup(pod.apps_cgroup, app.cgroup_name));
  TRY(perform_for_init(pod, app));
  ChildFiles files;
  TRY(make_stream(pod, app.out, pod.output, files.out));
  TRY(make_stream(pod, app.err, pod.errors, files.err));
  TRY(give_pipe(pod.users, app, files.out));
  TRY(give_pipe(pod.users, app, files.err));
  TRY(make_pipe(app.start_report, files.report));
  files.null = Fd(TRY(check(sys::openat2(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0, 0), "openat2", "/dev/null")));
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP | CLONE_NEWNS;
  args.exit_signal = kSignalChild;
  args.cgroup = static_cast<uint64_t>(app.cgroup.get());
  const long pid = TRY(check(sys::clone3(args), "clone3"));
  if (pid == 0) run_child(pod, app, files);
  app.pid = pid;
  app.state = App::State::starting;
  return kDone;
}

}  // namespace

void find_apps(Pod &pod) {
  for (const Op &op : pod.plan) pod.app_count += op.kind == OpKind::app ? 1 : 0;
  pod.apps = pod.arena.array<App>(pod.app_count);
  App *app = pod.apps;
  for (const Op &op : pod.plan) {
    if (op.kind == OpKind::app) {
      app->name = op[0];
      app->cgroup_name = op[1];
      app->first = &op;
    }
    if (op.kind == OpKind::exec) (app++)->last = &op + 1;
  }
}

Outcome<> start_app(Pod &pod, App &app) {
  Outcome<> started = start(pod, app);
  if (started.ok()) return kDone;
  started.failure->app = app.name;
  if (started.failure->operation.empty()) started.failure->operation = "start";
  return started;
}

}  // namespace podctl
