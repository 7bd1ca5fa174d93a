// What the directives of its unit ask of a pod while it runs: to read its configuration anew, and to show that it lives.
#include "clock.h"
#include "files.h"
#include "kernel.h"
#include "notify.h"
#include "readiness.h"
#include "report.h"
#include "supervise.h"

namespace podctl {
namespace {

/** Where /proc/PID/status says which signals a process catches; what is of interest begins within so many bytes. */
constexpr Text kCaught = "SigCgt:\t";
constexpr size_t kStatusSize = 4096;

/** A signal that nothing catches would end the app. */
bool catches(const App &app, int signal) {
  Buffer<64> path;
  path << "/proc/" << static_cast<int64_t>(app.pid) << "/status";
  char buffer[kStatusSize];
  const Outcome<Text> read = read_file(-1, path.text(), buffer, sizeof buffer);
  if (!read.ok()) return false;
  Text rest = read.value;
  while (!rest.empty()) {
    const Text line = split(rest, '\n');
    if (!line.starts_with(kCaught)) continue;
    uint64_t mask = 0;
    for (size_t i = kCaught.size; i < line.size; ++i) mask = mask << 4 | static_cast<uint64_t>(hex_digit(line[i]));
    return (mask & signal_bit(signal)) != 0;
  }
  return false;
}

/** How often apps are believed that they reload: each time makes systemd tell everybody of the change. */
constexpr uint64_t kReloadPauseMs = 1000;

/** Each ping makes systemd do something: an app that pings more often than needed is passed on so many times per interval. */
constexpr uint64_t kMostPings = 8;

}  // namespace

void Supervisor::tell(Text state) {
  const Outcome<> sent = notify(pod_.notify, state);
  if (!sent.ok()) warn(pod_, *sent.failure);
}

/** SIGHUP, by ExecReload= or Type=notify-reload. What apps say of it themselves comes later (note_reloading). */
void Supervisor::reload() {
  if (!announced_ || stopping_) return;
  Buffer<64> state;
  state << "RELOADING=1\nMONOTONIC_USEC=" << clock_ns(kClockMonotonic) / 1000;
  tell(state.text());
  bool is_taken = false;
  for (const App &app : pod_) {
    if (app.state != App::State::running) continue;
    const int signal = app.reload_signal != 0 ? app.reload_signal : kSignalHangup;
    if (app.reload_signal == 0 && !catches(app, signal)) continue;
    static_cast<void>(sys::kill(app.pid, signal));  // ignored: it may have ended just now
    is_taken = true;
  }
  if (!is_taken) warn(pod_, problem("no app catches SIGHUP or has a reload signal: nothing was reloaded"));
  if (!is_reloading()) tell("READY=1");
}

bool Supervisor::is_reloading() const {
  for (const App &app : pod_) {
    if (app.is_reloading) return true;
  }
  return false;
}

/** An app says, or no longer says, that it reads its configuration: the unit does so while any app does. */
void Supervisor::note_reloading(App &app, bool is_reloading_now) {
  if (app.is_reloading == is_reloading_now) return;
  const uint64_t now = monotonic_ms();
  if (is_reloading_now && reload_passed_ != 0 && now - reload_passed_ < kReloadPauseMs) return;
  if (is_reloading_now) reload_passed_ = now;
  const bool was = is_reloading();
  app.is_reloading = is_reloading_now;
  if (was == is_reloading() || !announced_ || stopping_) return;
  if (was) {
    tell("READY=1");
    return;
  }
  Buffer<64> state;
  state << "RELOADING=1\nMONOTONIC_USEC=" << clock_ns(kClockMonotonic) / 1000;
  tell(state.text());
}

/** How long an app may still take to get ready, by its own word: only until the unit is up, and never beyond a stop. */
void Supervisor::pass_extension_on(uint64_t microseconds) {
  if (announced_ || stopping_) return;
  Buffer<64> state;
  state << "EXTEND_TIMEOUT_USEC=" << microseconds;
  tell(state.text());
}

/** systemd's own patience with a stop began with it, and is as the pod was started with (units/pod.ts has the same margin). */
void Supervisor::extend_stop() {
  constexpr uint64_t kMarginMs = 5000;
  const uint64_t with_handler_ms = 2 * pod_.stop_grace_ms;
  Buffer<64> state;
  state << "EXTEND_TIMEOUT_USEC=" << (with_handler_ms + kMarginMs) * 1000;
  tell(state.text());
}

/** From its first ping on, until its run ends, an app answers for itself. */
void Supervisor::note_ping(App &app) { app.is_watched = app.has_pinged = true; }

bool Supervisor::is_any_watched() const {
  for (const App &app : pod_) {
    if (app.is_watched) return true;
  }
  return false;
}

/** When this process has to say by itself that all is well; 0 for never. */
uint64_t Supervisor::watchdog_deadline() const {
  if (pod_.watchdog_ms == 0 || is_any_watched()) return 0;
  return fed_ + pod_.watchdog_ms / 2;
}

/** Says so in the name of all apps that answer for themselves, once each of them has since the last time; or else from time to time. */
void Supervisor::feed_watchdog() {
  if (pod_.watchdog_ms == 0) return;
  const uint64_t now = monotonic_ms();
  bool is_due = true;
  if (is_any_watched()) {
    for (const App &app : pod_) is_due &= !app.is_watched || app.has_pinged;
    is_due &= now - fed_ >= pod_.watchdog_ms / kMostPings;
  } else {
    is_due = now >= fed_ + pod_.watchdog_ms / 2;
  }
  if (!is_due) return;
  fed_ = now;
  for (App &app : pod_) app.has_pinged = false;
  tell("WATCHDOG=1");
}

/** SIGABRT: the watchdog's patience is over. A process 1 that did not take it would be waited for until TimeoutAbortSec=. */
void Supervisor::abort() {
  if (exit_status_ == 0 && !decided_) exit_status_ = 128 + kSignalAbort;
  decided_ = stopping_ = true;
  for (App &app : pod_) kill_app(app);
}

}  // namespace podctl
