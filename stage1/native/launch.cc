#include "launch.h"

#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "cgroup.h"
#include "credentials.h"
#include "files.h"
#include "init.h"
#include "kernel.h"
#include "notify.h"
#include "perform.h"
#include "report.h"
#include "takeover.h"
#include "users.h"

namespace podctl {
namespace {

/** No signal ends the launcher half-way, and nobody looks into it or what it makes. */
Outcome<> shield() {
  TRY(check(sys::rt_sigprocmask(kSigBlock, kAllSignals), "rt_sigprocmask"));
  TRY(check(sys::prctl(PR_SET_DUMPABLE, 0), "prctl", "PR_SET_DUMPABLE"));
  return kDone;
}

/** Reads and checks the whole plan. Nothing has been touched if this fails. */
Outcome<Plan> load(Arena &arena, const char *path) {
  TRY(shield());
  const Plan plan = TRY(decode_plan(arena, TRY(read_plan(arena, path))));
  TRY(check_plan(plan));
  return plan;
}

/** The head of the plan, and what the init needs from outside its namespaces. */
Outcome<> prepare(Pod &pod, const char *const envp[]) {
  TRY(close_strays(pod.plan));
  Scene scene{pod};
  for (const Op &op : pod.plan) {
    if (op.section == kHead) TRY(perform(scene, op));
  }
  close_originals(pod.plan);
  pod.notify = TRY(connect_notify(envp));
  if (pod.notify.is_open()) pod.watchdog_ms = watchdog_ms_of(envp);
  TRY(keep_credentials(pod, envp));
  return kDone;
}

/**
 * Makes the init. Under systemd it becomes systemd's own child (CLONE_PARENT), which lets it be the unit's main process;
 * elsewhere it stays the launcher's.
 */
Outcome<long> clone_init(Pod &pod, Cgroups &cgroups, Fd &release) {
  TRY(make_pipe(pod.released, release));
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP | CLONE_NEWPID | CLONE_NEWNS | pod.namespaces;
  args.cgroup = static_cast<uint64_t>(cgroups.supervisor.get());
  if (pod.notify.is_open()) {
    args.flags |= CLONE_PARENT;  // the kernel wants exit_signal 0 with it, and uses the launcher's own
  } else {
    args.exit_signal = kSignalChild;
  }
  const long pid = TRY(check(sys::clone3(args), "clone3"));
  if (pid != 0) return pid;
  release.close();
  cgroups = Cgroups();
  // Without systemd nobody else would end the pod when the launcher is killed.
  if (!pod.notify.is_open()) TRY(check(sys::prctl(PR_SET_PDEATHSIG, kSignalKill), "prctl", "PR_SET_PDEATHSIG"));
  run_init(pod);
}

Outcome<> write_pid(const Pod &pod, long pid) {
  Buffer<32> line;
  line << static_cast<int64_t>(pid) << '\n';
  return replace_file(pod.directory.get(), "pid", line.text());
}

/** Tells systemd to take the init for the main process. It has done so when the returned barrier is over. */
Outcome<Fd> hand_over(const Pod &pod, long pid) {
  if (!pod.notify.is_open()) return Fd();
  Buffer<64> message;
  message << "MAINPID=" << static_cast<int64_t>(pid);
  TRY(notify(pod.notify, message.text()));
  return send_barrier(pod.notify);
}

/** Lets the init go on to its next step. */
Outcome<> signal_init(const Fd &release, Release step) {
  const auto byte = static_cast<char>(step);
  TRY(check(sys::write(release.get(), &byte, 1), "write", "the init's pipe"));
  return kDone;
}

/** Signals that came for the launcher while it was the main process are the init's now. */
void pass_signals_on(long pid) {
  constexpr sys::Time kNow{0, 0};
  for (;;) {
    const sys::Result signal = sys::rt_sigtimedwait(kHandledSignals & ~signal_bit(kSignalChild), &kNow);
    if (sys::failed(signal)) return;  // none is left
    sys::kill(pid, static_cast<int>(signal));
  }
}

/** Outside of systemd: passes signals on until the init ends, and returns its status. */
int wait_for_init(long pid) {
  for (;;) {
    const sys::Result signal = sys::rt_sigtimedwait(kHandledSignals, nullptr);
    if (signal > 0 && signal != kSignalChild) sys::kill(pid, static_cast<int>(signal));
    int status = 0;
    if (sys::wait4(pid, &status, kWaitNoHang) != pid) continue;
    return (status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8 & 0xff;
  }
}

Outcome<int> run_pod(Pod &pod, const char *const envp[]) {
  TRY(prepare(pod, envp));
  Cgroups cgroups = TRY(make_cgroups());
  pod.apps_cgroup = static_cast<Fd &&>(cgroups.apps);
  TRY(make_namespaces(pod));
  Fd release;
  const long pid = TRY(clone_init(pod, cgroups, release));
  pod.released.close();
  pod.caller.close();
  // A failure from here on closes `release` too early, which ends the init.
  TRY(write_pid(pod, pid));
  const Fd barrier = TRY(hand_over(pod, pid));
  TRY(enable_controllers(cgroups, pod.plan));
  TRY(signal_init(release, Release::cgroups));
  if (barrier.is_open()) TRY(await_barrier(barrier));
  pass_signals_on(pid);
  TRY(signal_init(release, Release::unit));
  return pod.notify.is_open() ? 0 : wait_for_init(pid);
}

}  // namespace

int launch(const char *path, const char *const envp[]) {
  Arena arena;
  const Outcome<Plan> plan = load(arena, path);
  if (!plan.ok()) {
    complain(*plan.failure);
    return kOwnFailure;
  }
  Pod pod{arena, plan.value};
  const Outcome<int> ran = run_pod(pod, envp);
  if (ran.ok()) return ran.value;
  if (ran.failure->operation.empty()) ran.failure->operation = "launch";
  publish(pod, *ran.failure);
  return kOwnFailure;
}

}  // namespace podctl
