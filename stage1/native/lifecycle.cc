// What follows from the events: records, messages to systemd, the stop and the end of the pod.
#include "cgroup.h"
#include "clock.h"
#include "kernel.h"
#include "notify.h"
#include "report.h"
#include "status.h"
#include "supervise.h"
#include "thrift.h"

namespace podctl {

/** An app that never ran has no status; the pod's `failure` says why. */
void Supervisor::record(const App &app) {
  if (!app.has_started()) return;
  const Outcome<> written = write_status(pod_, app);
  if (!written.ok()) warn(pod_, *written.failure);
  if (!announced_ || exited_ == pod_.app_count) return;
  const Outcome<> sent = announce_count("");
  if (!sent.ok()) warn(pod_, *sent.failure);
}

/** One message, since each makes systemd tell everybody of the change. */
Outcome<> Supervisor::announce_count(Text more) {
  Buffer<64> state;
  state << more << "STATUS=" << static_cast<uint64_t>(pod_.app_count - exited_) << '/'
        << static_cast<uint64_t>(pod_.app_count) << " apps running";
  return notify(pod_.notify, state.text());
}

/** True while machined has not answered; asks it first, if that has not been done yet. */
bool Supervisor::is_registering() {
  if (pod_.bus.endpoint.is_open()) {
    const Outcome<> started = start_calls(pod_.bus);
    if (!started.ok()) {
      started.failure->operation = "machine";
      warn(pod_, *started.failure);
    }
  }
  return pod_.bus.socket.is_open();
}

/** READY=1 once every app has exec'd, also when one has failed since: the unit did start. machined delays it, briefly. */
void Supervisor::announce() {
  if (announced_ || !released_) return;
  for (const App &app : pod_) {
    if (!app.has_started()) return;
  }
  if (exited_ < pod_.app_count && is_registering()) return;
  announced_ = true;
  const Outcome<> sent = announce_count("READY=1\n");
  if (!sent.ok()) {
    publish(pod_, *sent.failure);
    fail(kOwnFailure);
  }
  if (stop_ != Stop::none) announce_stop();
  forget_setup();  // from here on a pod may be idle for months
}

void Supervisor::announce_stop() {
  if (stop_announced_ || !announced_) return;
  stop_announced_ = true;
  const Outcome<> sent = notify(pod_.notify, "STOPPING=1");
  if (!sent.ok()) warn(pod_, *sent.failure);
}

/** The first app that fails ends the pod with its status. */
void Supervisor::fail(int exit_status) {
  if (exit_status_ == 0) exit_status_ = exit_status;
  stop();
}

void Supervisor::stop() {
  if (stop_ != Stop::none) return;
  stop_ = Stop::asked;
  kill_deadline_ = monotonic_ms() + pod_.stop_grace_ms;
  announce_stop();
  for (const App &app : pod_) {
    if (app.is_alive()) static_cast<void>(sys::kill(app.pid, kSignalTerminate));  // ignored: it may have ended just now
  }
}

void Supervisor::kill_all() {
  // What is not delivered by then is given up, with the same patience as the apps had.
  if (stop_ == Stop::none) kill_deadline_ = monotonic_ms() + pod_.stop_grace_ms;
  stop_ = Stop::killed;
  const Outcome<> killed = kill_cgroup(pod_.apps_cgroup);
  if (!killed.ok()) warn(pod_, *killed.failure);
}

bool Supervisor::is_over() const {
  if (!released_) return false;
  bool all_started = true;
  for (const App &app : pod_) {
    if (app.state != App::State::exited || !app.is_drained()) return false;
    all_started &= app.has_started();
  }
  return announced_ || !all_started;
}

}  // namespace podctl
