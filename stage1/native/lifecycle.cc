// What follows for the pod: records, messages to systemd, when it ends and with which status.
#include "clock.h"
#include "kernel.h"
#include "notify.h"
#include "readiness.h"
#include "report.h"
#include "status.h"
#include "supervise.h"

namespace podctl {
namespace {

/** How often an app's STATUS= is passed on at most: each makes systemd tell everybody of the change. */
constexpr uint64_t kStatusPauseMs = 1000;

/** What stage0 is told of a pod that does not come up because of `app`, which did start. */
Failure never_ready(Arena &arena, const App &app) {
  Failure failure = problem("ended before it was ready");
  failure.operation = "start";
  failure.app = app.name;
  if (app.reason == Reason::pre_start) {
    failure.operation = "pre-start";
    failure.detail = "the handler failed, see the journal";
  } else if (app.reason == Reason::unhealthy) {
    Buffer<1024> detail;
    detail << "ended before it was ever healthy: " << app.health.said();
    failure.detail = arena.copy(detail.text());
  }
  return failure;
}

}  // namespace

void Supervisor::record(const App &app) {
  const Outcome<> written = write_status(pod_, app);
  if (!written.ok()) warn(pod_, *written.failure);
  if (!announced_ || is_ending()) return;
  const Outcome<> sent = announce_count("");
  if (!sent.ok()) warn(pod_, *sent.failure);
}

/** One message, since each makes systemd tell everybody of the change. */
Outcome<> Supervisor::announce_count(Text more) {
  uint64_t running = 0;
  uint64_t ready = 0;
  uint64_t unhealthy = 0;
  bool is_told = false;
  for (const App &app : pod_) {
    running += app.has_process() ? 1 : 0;
    ready += app.is_ready ? 1 : 0;
    is_told |= app.notify != nullptr || app.awaits_health;
    unhealthy += app.state == App::State::running && app.check != nullptr && app.health.state == Health::State::unhealthy ? 1 : 0;
  }
  Buffer<64 + kMaxSaid> state;
  state << more << "STATUS=" << (is_told ? ready : running) << '/' << static_cast<uint64_t>(pod_.app_count)
        << (is_told ? " apps ready" : " apps running");
  if (unhealthy != 0) state << ", " << unhealthy << " unhealthy";
  return notify(pod_.notify, state.text());
}

/** An app that says more than systemd is told keeps what it said to itself. */
void Supervisor::pass_status_on(const App &app, Text status) {
  const uint64_t now = monotonic_ms();
  if (status_passed_ != 0 && now - status_passed_ < kStatusPauseMs) return;
  status_passed_ = now;
  Buffer<512 + kMaxSaid> state;
  state << "STATUS=" << app.name << ": " << status;
  const Outcome<> sent = notify(pod_.notify, state.text());
  if (!sent.ok()) warn(pod_, *sent.failure);
}

/** True while machined is waited for; asks it first, if that has not been done yet. */
bool Supervisor::is_registering() {
  if (pod_.bus.endpoint.is_open()) {
    const Outcome<> started = start_calls(pod_.bus);
    if (!started.ok()) {
      started.failure->operation = "machine";
      warn(pod_, *started.failure);
    }
  }
  return pod_.bus.socket.is_open() && !pod_.bus.is_late;
}

/** READY=1 once every app is ready, also when one has failed since: the unit did start. machined delays it, briefly. */
void Supervisor::announce() {
  if (announced_ || !released_) return;
  for (const App &app : pod_) {
    if (!app.was_ready && (stopping_ || !app.is_over())) return;
  }
  if (!is_ending() && is_registering()) return;
  announced_ = true;
  const Outcome<> sent = announce_count("READY=1\n");
  if (!sent.ok()) {
    publish(pod_, *sent.failure);
    fail(kOwnFailure);
  }
  enter(pod_, Event::started);
  if (stopping_) announce_stop();
}

/** False if an app that was not ready will not be any more. */
bool Supervisor::can_come_up() const {
  for (const App &app : pod_) {
    if (!app.was_ready && (stopping_ || app.is_over())) return false;
  }
  return true;
}

void Supervisor::announce_stop() {
  if (stop_announced_ || !announced_) return;
  stop_announced_ = true;
  const Outcome<> sent = notify(pod_.notify, "STOPPING=1");
  if (!sent.ok()) warn(pod_, *sent.failure);
}

/** What the end of an app for good means for the pod. */
void Supervisor::conclude(const App &app) {
  const int status = app.has_failed() ? app.exit_status : 0;
  if (status != 0 && !announced_ && !app.was_ready && (app.detail.empty() || app.reason == Reason::unhealthy)) {
    publish(pod_, never_ready(pod_.arena, app));
  }
  switch (pod_.exit_policy) {
    case ExitPolicy::first_failure:
      if (status != 0) fail(status);
      break;
    case ExitPolicy::any: decide(status); break;
    case ExitPolicy::all:
      if (exit_status_ == 0 && !decided_) exit_status_ = status;
      break;
    case ExitPolicy::stop: return;
    case ExitPolicy::main:
      if (app.name == pod_.main_app) decide(status);
      break;
  }
  // An app that was never ready leaves the unit unstarted then.
  if (is_everyone_over()) stopping_ = true;
}

/** Nothing runs any more, and nothing will. */
bool Supervisor::is_ending() const { return pod_.exit_policy != ExitPolicy::stop && is_everyone_over(); }

bool Supervisor::is_everyone_over() const {
  for (const App &app : pod_) {
    if (!app.is_over()) return false;
  }
  return true;
}

/** Ends the pod with this status, whatever else fails. */
void Supervisor::decide(int exit_status) {
  if (exit_status_ == 0 && !decided_) exit_status_ = exit_status;
  decided_ = true;
  stop();
}

/** Ends the pod, with this status if nothing has failed before. */
void Supervisor::fail(int exit_status) {
  if (exit_status_ == 0 && !decided_) exit_status_ = exit_status;
  stop();
}

/** An app could not be started, so the pod does not come up. */
void Supervisor::fail_start() {
  if (exit_status_ == 0) exit_status_ = kOwnFailure;
  decided_ = stopping_ = true;
  for (App &app : pod_) kill_app(app);
}

void Supervisor::stop() {
  if (stopping_) return;
  stopping_ = true;
  announce_stop();
  for (App &app : pod_) stop_app(app, pod_.stop_grace_ms);
}

void Supervisor::stop_in(uint64_t grace_ms) {
  pod_.stop_grace_ms = grace_ms;
  grace_is_new_ = true;
  if (!stopping_) return;
  for (App &app : pod_) stop_app(app, grace_ms);
}

bool Supervisor::is_over() const {
  if (!released_ || (pod_.exit_policy == ExitPolicy::stop && !stopping_)) return false;
  bool all_ready = true;
  for (const App &app : pod_) {
    if (!app.is_over() || !app.is_drained()) return false;
    all_ready &= app.was_ready;
  }
  return (announced_ || !all_ready) && !audience_.is_owed();
}

}  // namespace podctl
