#include "init.h"

#include <linux/prctl.h>

#include "app.h"
#include "control.h"
#include "files.h"
#include "journal.h"
#include "kernel.h"
#include "mounts.h"
#include "perform.h"
#include "report.h"
#include "supervise.h"

namespace podctl {
namespace {

/** Without a journal the pod still runs: its output goes to the caller only. */
void find_journal(Pod &pod) {
  Outcome<Fd> journal = open_journal();
  if (journal.ok()) {
    pod.journal = static_cast<Fd &&>(journal.value);
    return;
  }
  journal.failure->detail = "output does not go to the journal";
  warn(pod, *journal.failure);
}

/** The pod's own section of the plan, which ends in the pod-level root. */
Outcome<> set_up_pod(Pod &pod) {
  TRY(check(sys::setsid(), "setsid"));
  TRY(check(sys::umask(0), "umask"));
  TRY(check(sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("podctl-init")), "prctl", "PR_SET_NAME"));
  TRY(ensure_directory(pod.directory.get(), "status", 0755));
  pod.statuses = TRY(open_at(pod.directory.get(), "status", kOpenDirectory));
  pod.control = TRY(listen_control(pod.directory));
  Scene scene{pod};
  TRY(open_sources(scene));
  TRY(copy_propagating(pod.arena, scene.places, pod.plan));
  TRY(make_mounts_private(scene.places.source.get()));
  find_journal(pod);
  if (pod.users.are_own()) TRY(own_new_files(pod.users.first));
  for (const Op &op : pod.plan) {
    if (op.section == kPod) TRY(perform(scene, op));
  }
  if (pod.users.are_own()) TRY(own_new_files(0));
  add_apps(pod, pod.plan);
  return kDone;
}

/** Waits for a step, past those before it. False if the launcher failed, whose status is then the unit's. */
Outcome<bool> await(const Pod &pod, Release step) {
  for (char byte = 0; byte != static_cast<char>(step);) {
    if (TRY(check(sys::read(pod.released.get(), &byte, 1), "read", "the launcher's pipe")) != 1) return false;
  }
  return true;
}

Outcome<> start(Pod &pod, Supervisor &supervisor) {
  TRY(set_up_pod(pod));
  if (!TRY(await(pod, Release::cgroups))) sys::exit_group(kOwnFailure);
  return supervisor.begin();
}

}  // namespace

void run_init(Pod &pod) {
  Supervisor supervisor(pod);
  const Outcome<> up = start(pod, supervisor);
  if (up.ok()) sys::exit_group(supervisor.run());
  if (up.failure->operation.empty()) up.failure->operation = "pod set-up";
  publish(pod, *up.failure);
  enter_end(pod, "start", kOwnFailure);
  // Only systemd's knowledge of the init makes this status the unit's.
  static_cast<void>(await(pod, Release::unit));  // ignored: the launcher's failure has the same status
  sys::exit_group(kOwnFailure);
}

}  // namespace podctl
