// What can happen to a pod: signals, deaths, output, answers, deadlines.
#include <linux/errno.h>
#include <linux/signalfd.h>

#include "cgroup.h"
#include "clock.h"
#include "journal.h"
#include "kernel.h"
#include "report.h"
#include "supervise.h"

namespace podctl {
namespace {

/** How long a dead app's pipes are waited for when nothing comes: a process that was killed may still hold one. */
constexpr uint64_t kDrainMs = 1000;

/** How often a journal that is away is looked for: at most so often, and only when there is something to say. */
constexpr uint64_t kJournalRetryMs = 500;

/**
 * Connects a stream: what the app says is of priority 6 (info), what it complains about 3 (err). One that broke (journald was
 * restarted without its state) is replaced; the piece it did not take goes to the new one.
 */
void connect_journal(Pod &pod, const App &app, Stream &stream) {
  for (const Op *op = app.first; op != app.last; ++op) {
    if (op->kind != OpKind::log) continue;
    Outcome<Sink> sink = open_journal_stream(pod.journal, op->args[0], op->args[1], &stream == &app.out ? 6 : 3);
    if (sink.ok()) {
      stream.journal = static_cast<Sink &&>(sink.value);
      stream.journal_retry = 0;
      continue;
    }
    if (stream.journal_retry <= kAtFirstOutput) warn(pod, *sink.failure);
    stream.journal_retry = monotonic_ms() + kJournalRetryMs;
  }
}

}  // namespace

void Supervisor::handle_signals() {
  signalfd_siginfo info;
  while (sys::read(signals_.get(), &info, sizeof info) == sizeof info) {
    switch (static_cast<int>(info.ssi_signo)) {
      case kSignalChild: reap(); break;
      case kSignalTerminate:
      case kSignalInterrupt:
      case kSignalRealTime + 3:  // machinectl's halt, poweroff (+4) and reboot (INT): the pod ends
      case kSignalRealTime + 4: stop(); break;
      default: break;  // HUP, USR1, USR2: a stray one must not end the pod
    }
  }
}

void Supervisor::handle_release() {
  char byte;
  // Without the byte, the launcher failed after it had made this process: its status is the unit's.
  if (sys::read(pod_.released.get(), &byte, 1) != 1) sys::exit_group(kOwnFailure);
  pod_.released.close();
  released_ = true;
}

void Supervisor::handle_bus(bool is_readable) {
  Outcome<> read = kDone;
  if (is_readable) {
    read = read_answers(pod_.bus);
  } else if (monotonic_ms() >= pod_.bus.deadline) {
    read = problem("no answer in time", "the system bus");
  }
  if (read.ok()) return;
  read.failure->operation = "machine";
  warn(pod_, *read.failure);
  pod_.bus.socket.close();
}

void Supervisor::handle_start_report(App &app) {
  char message[kMaxReport];
  const sys::Result got = sys::read(app.start_report.get(), message, sizeof message);
  if (got == -EAGAIN || got == -EINTR) return;
  app.start_report.close();
  if (got > 0) {
    publish(pod_, parse_report(Text(message, static_cast<size_t>(got))));
    if (exit_status_ == 0) exit_status_ = kOwnFailure;
    kill_all();
    return;
  }
  app.state = App::State::running;
  app.started = realtime_ns();
  record(app);
}

void Supervisor::handle_stream(App &app, Stream &stream, const PollSet &set) {
  bool is_whole = true;
  if (set.is_ready(stream.journal_slot) || set.is_ready(stream.caller_slot)) is_whole = stream.pass_on();
  if (set.is_ready(stream.pipe_slot)) {
    const bool is_due = stream.journal_retry != 0 && monotonic_ms() >= stream.journal_retry;
    if (is_due && set.has_input(stream.pipe_slot)) connect_journal(pod_, app, stream);
    is_whole = stream.fill();
    app.drain_deadline = app.drain_deadline == 0 ? 0 : monotonic_ms() + kDrainMs;
  }
  if (is_whole) return;
  connect_journal(pod_, app, stream);
  stream.pass_on();
}

void Supervisor::handle_deadlines() {
  const uint64_t now = stop_ == Stop::none && exited_ == 0 ? 0 : monotonic_ms();
  if (stop_ == Stop::asked && now >= kill_deadline_) kill_all();
  for (App &app : pod_) {
    if (app.state != App::State::exited || app.is_drained()) continue;
    const bool is_held_open = app.is_relayed() && now >= app.drain_deadline;
    const bool is_given_up = stop_ == Stop::killed && now >= kill_deadline_;
    if (!is_held_open && !is_given_up) continue;
    app.out.abandon();
    app.err.abandon();
  }
}

void Supervisor::reap() {
  for (;;) {
    int wait_status = 0;
    const sys::Result pid = sys::wait4(-1, &wait_status, kWaitNoHang);
    if (pid <= 0) return;
    for (App &app : pod_) {
      if (app.pid == pid && app.is_alive()) note_exit(app, wait_status);
    }
  }
}

void Supervisor::note_exit(App &app, int wait_status) {
  if (app.start_report.is_open()) handle_start_report(app);
  app.state = App::State::exited;
  app.finished = realtime_ns();
  app.signal = wait_status & 0x7f;
  app.exit_status = app.signal != 0 ? 128 + app.signal : wait_status >> 8 & 0xff;
  // An app may also catch the SIGTERM and say with its status that this is why it ended.
  app.stopped = stop_ != Stop::none && (app.exit_status == 0 || app.exit_status == 128 + kSignalTerminate);
  app.drain_deadline = monotonic_ms() + kDrainMs;
  ++exited_;
  // What the app left behind goes with it, and lets go of the pipes.
  const Outcome<> killed = kill_cgroup(app.cgroup);
  if (!killed.ok()) warn(pod_, *killed.failure);
  record(app);
  if (app.exit_status != 0 && !app.stopped) fail(app.exit_status);
}

}  // namespace podctl
