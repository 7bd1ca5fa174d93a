// Apps that wait to begin: for others, or, asked to begin again, for their own end; one by one, or all together, as a machine
// that is rebooted.
#include "clock.h"
#include "supervise.h"

namespace podctl {
namespace {

/** Whether the pipes of an app that has ended are ready for another run. A deadline that has passed is 0. */
bool is_free(const App &app) { return app.has_many_processes() || app.is_drained() || app.deadline == 0; }

/** True if the app may start as far as `name` is concerned; `never` if it may never. */
bool is_awaited(Pod &pod, Text name, bool &never) {
  for (const App &other : pod) {
    if (other.name != name) continue;
    if (other.is_over()) never |= other.has_failed() || (other.reason == Reason::stopped && !other.was_ready);
    return !other.is_over() && !other.is_ready;
  }
  return false;  // check.cc knows that it was there: it has been removed since
}

}  // namespace

void Supervisor::restart_app(App &app, uint64_t grace_ms) {
  if (stopping_ || app.comes_again) return;
  if (app.has_process()) {
    if (grace_ms == 0) {
      kill_app(app);
    } else {
      stop_app(app, grace_ms);
    }
    app.comes_again = true;
  } else if (app.state != App::State::waiting) {
    begin_run(app);
  }
}

void Supervisor::reboot() {
  if (stopping_ || rebooting_) return;
  rebooting_ = true;
  for (App &app : pod_) {
    if (app.has_process()) {
      restart_app(app, pod_.stop_grace_ms);
    } else if (!app.is_over() || pod_.exit_policy != ExitPolicy::stop) {
      // It has ended, or would soon begin: it does so with the others.
      app.state = App::State::paused;
      app.comes_again = true;
      app.deadline = monotonic_ms() + kDrainMs;
    }
  }
}

/** Those that were asked to end so that they begin again, once they have, and once their last output is delivered or given up. */
void Supervisor::start_again() {
  bool is_held = false;
  for (App &app : pod_) {
    if (app.comes_again && app.state == App::State::paused && monotonic_ms() >= app.deadline) app.deadline = 0;
    is_held |= rebooting_ && (app.has_process() || (app.comes_again && !is_free(app)));
  }
  if (is_held) return;
  for (App &app : pod_) {
    if (!app.comes_again || app.state != App::State::paused || !is_free(app)) continue;
    if (!app.has_many_processes()) {
      app.out.abandon();
      app.err.abandon();
    }
    app.comes_again = false;
    if (rebooting_ && app.after != nullptr) {
      app.state = App::State::waiting;
      app.stop = App::Stop::none;
    } else {
      begin_run(app);
    }
  }
  rebooting_ = false;
}

void Supervisor::start_waiting() {
  for (App &app : pod_) {
    if (app.state != App::State::waiting) continue;
    bool never = false;
    bool waits = false;
    for (size_t i = 0; i < app.after->count; ++i) waits |= is_awaited(pod_, (*app.after)[i], never);
    if (never) {
      app.reason = Reason::dependency;
      app.exit_status = kOwnFailure;
      finish(app);
    } else if (!waits) {
      begin_run(app);
    }
  }
}

}  // namespace podctl
