// An app's child: from the init's clone to the program.
#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/sched.h>

#include "app.h"
#include "companion.h"
#include "files.h"
#include "kernel.h"
#include "limits.h"
#include "perform.h"
#include "report.h"
#include "sockets.h"
#include "wiring.h"

namespace podctl {
namespace {

/** Operations that make the app's view of the file system: once per run, by its first process. */
bool makes_view(OpKind kind) { return (kind >= OpKind::root && kind <= OpKind::pivot) || kind == OpKind::notify; }

/** Fixed places for the child's files, whatever numbers they have now: 0 to 2, the report, and where a terminal is sent. */
constexpr int kReportFd = 3;
constexpr int kTerminalFd = 4;

Outcome<> place_files(const ChildFiles &files) {
  // Numbers above all targets first, so that no dup3 overwrites a file that is still to be moved.
  constexpr int kAbove = 10;
  const bool has_terminal = files.terminal.is_open();
  const int sources[] = {files.in, files.out, files.err, files.report.get(), files.terminal.get()};
  const int count = has_terminal ? 5 : 4;
  int moved[5];
  for (int i = 0; i < count; ++i) {
    moved[i] = static_cast<int>(TRY(check(sys::fcntl(sources[i], F_DUPFD_CLOEXEC, kAbove), "fcntl")));
  }
  for (int i = 0; i < 3; ++i) TRY(check(sys::dup3(moved[i], i, 0), "dup3"));
  TRY(check(sys::dup3(moved[3], kReportFd, O_CLOEXEC), "dup3"));
  if (has_terminal) TRY(check(sys::dup3(moved[4], kTerminalFd, O_CLOEXEC), "dup3"));
  return kDone;
}

/** The mounts that the run's first process has made. Without a descriptor of them, they are those of the main process. */
Outcome<> join_view(const Pod &pod, const App &app) {
  Fd view;
  if (!app.view.is_open()) view = TRY(open_view_of_main(pod, app));
  const int mounts = app.view.is_open() ? app.view.get() : view.get();
  TRY(check(sys::setns(mounts, CLONE_NEWNS), "setns", "the app's mount namespace"));
  return kDone;
}

/** Into the app's cgroup, where clone3 could not put it, and into its mounts, if this is not the run's first process. */
Outcome<> join_app(Scene &scene, const Errand &errand, bool is_first) {
  const App &app = *scene.app;
  if (app.is_cgroup_used_up) TRY(write_file(app.cgroup.get(), "cgroup.procs", "0"));
  TRY(check(sys::unshare(CLONE_NEWCGROUP), "unshare", "cgroup namespace"));
  if (errand.part == Part::companion) TRY(write_file(errand.cgroup, "cgroup.procs", "0"));
  const Users &users = scene.pod.users;
  if (is_first) TRY(open_sources(scene));
  if (users.are_own()) TRY(own_new_files(users.first));
  return is_first ? Outcome<>(kDone) : join_view(scene.pod, app);
}

Outcome<> become_part(Scene &scene, const Errand &errand, const Op &exec) {
  const App &app = *scene.app;
  switch (errand.part) {
    case Part::pre_start: return perform(scene, *app.pre_start);
    case Part::main: return perform(scene, exec);
    case Part::post_stop: return perform(scene, *app.post_stop);
    case Part::companion: return become_companion(scene.pod, app, scene.identity, *errand.visit);
  }
  return problem("no such part");
}

/** Everything up to the exec. The launcher's and the init's files are closed before anything of the image is entered. */
Outcome<> run_section(Scene &scene, const Errand &errand, int &report) {
  const bool is_first = errand.part == Part::main ? scene.app->pre_start == nullptr : errand.part == Part::pre_start;
  TRY(join_app(scene, errand, is_first));
  for (const Op *op = scene.app->first; op != scene.app->last; ++op) {
    if (is_for_init(op->kind) || op->kind == OpKind::handler || (!is_first && makes_view(op->kind))) continue;
    if (op->kind != OpKind::exec) {
      TRY(perform(scene, *op));
      continue;
    }
    scene.places = Places{};
    const Op *const listen = errand.part == Part::main ? scene.app->listen : nullptr;
    Raised raised;
    if (listen != nullptr) {
      raised = TRY(raise_sockets(scene.pod, *listen, report));
      report = raised.numbers[raised.sockets];
    }
    TRY(limit_process(scene.identity));
    if (scene.pod.users.are_own()) TRY(join(scene.pod.users));
    const App &app = *scene.app;
    // Only now it can be the app's users'.
    const bool has_terminal = app.has_terminal() && errand.part != Part::companion;
    if (has_terminal) TRY(make_terminal(app, kTerminalFd, scene.identity.uid));
    if (listen != nullptr) report = TRY(place_sockets(raised));
    TRY(check(sys::close_range(static_cast<unsigned>(report) + 1, ~0U, 0), "close_range"));
    TRY(check(sys::setsid(), "setsid"));
    if (has_terminal) TRY(check(sys::ioctl(1, TIOCSCTTY, nullptr), "ioctl", "TIOCSCTTY"));
    TRY(check(sys::umask(022), "umask"));
    TRY(reset_signals());
    TRY(become_part(scene, errand, *op));
  }
  return kDone;
}

}  // namespace

void run_child(Pod &pod, App &app, const Errand &errand, const ChildFiles &files) {
  Scene scene{pod, &app};
  Outcome<> placed = place_files(files);
  int report = placed.ok() ? kReportFd : files.report.get();
  const Outcome<> ran = placed.ok() ? run_section(scene, errand, report) : static_cast<Outcome<> &&>(placed);
  if (ran.ok()) sys::exit_group(kOwnFailure);  // the plan ended without an exec: check.cc refuses that
  ran.failure->app = app.name;
  if (ran.failure->operation.empty()) ran.failure->operation = "start";
  send_report(report, *ran.failure);
  sys::exit_group(kOwnFailure);
}

}  // namespace podctl
