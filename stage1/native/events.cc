// What can happen to a pod: signals, deaths, output, answers, deadlines.
#include <asm/siginfo.h>
#include <linux/errno.h>
#include <linux/signalfd.h>

#include "clock.h"
#include "journal.h"
#include "kernel.h"
#include "readiness.h"
#include "report.h"
#include "supervise.h"
#include "wiring.h"

namespace podctl {
namespace {

/** How long an app's readiness socket is left alone once something was read: no app can keep the init busy. */
constexpr uint64_t kReadinessPauseMs = 20;

/** How long a pod that has ended stays for what journald has not read yet. */
constexpr uint64_t kJournalFarewellMs = 2000;

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
      stream.given = 0;
      stream.journal_retry = 0;
      continue;
    }
    if (stream.journal_retry <= kAtFirstOutput) warn(pod, *sink.failure);
    stream.journal_retry = monotonic_ms() + kJournalRetryMs;
  }
}

/**
 * From outside the pod, whose processes have no number in it. A queued signal may bear any number, so it could be anybody's
 * (rt_sigqueueinfo(2)); what kill(2) and pidfd_send_signal(2) say of the sender is the kernel's word.
 */
bool is_from_host(const signalfd_siginfo &info) {
  return info.ssi_pid == 0 && (info.ssi_code == SI_USER || info.ssi_code == SI_KERNEL);
}

}  // namespace

void Supervisor::handle_signals() {
  signalfd_siginfo info;
  while (sys::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != kSignalChild && !is_from_host(info)) continue;  // an app that is root may send it, too
    switch (static_cast<int>(info.ssi_signo)) {
      case kSignalChild: reap(); break;
      case kSignalInterrupt:  // machinectl's reboot; where systemd is not, a terminal's ^C
        if (pod_.notify.is_open()) {
          reboot();
          break;
        }
        [[fallthrough]];
      case kSignalTerminate:
      case kSignalRealTime + 3:  // machinectl's halt and poweroff
      case kSignalRealTime + 4: stop_as_asked(); break;
      case kSignalHangup: reload(); break;
      case kSignalAbort: abort(); break;
      default: break;  // USR1, USR2: a stray one must not end the pod
    }
  }
}

void Supervisor::stop_as_asked() {
  if (!stop_was_asked_) enter(pod_, Event::stopping);
  stop_was_asked_ = true;
  if (grace_is_new_) extend_stop();
  stop();
}

void Supervisor::handle_release() {
  char byte;
  // Without the byte, the launcher failed after it had made this process: its status is the unit's.
  if (sys::read(pod_.released.get(), &byte, 1) != 1) sys::exit_group(kOwnFailure);
  pod_.released.close();
  released_ = true;
}

void Supervisor::handle_bus(bool is_readable) {
  const Outcome<> done = is_readable ? read_answers(pod_.bus) : pass_deadline(pod_.bus);
  if (done.ok()) return;
  done.failure->operation = "machine";
  warn(pod_, *done.failure);
  pod_.bus.socket.close();
}

void Supervisor::handle_start_report(App &app) {
  char message[kMaxReport];
  const sys::Result got = sys::read(app.start_report.get(), message, sizeof message);
  if (got == -EAGAIN || got == -EINTR) return;
  app.start_report.close();
  if (got > 0) {
    note_start_failure(app, parse_report(Text(message, static_cast<size_t>(got))));
  } else {
    note_executed(app);
  }
}

void Supervisor::handle_terminal(App &app) {
  const Outcome<> received = receive_terminal(app);
  if (!received.ok()) warn(pod_, *received.failure);
}

void Supervisor::handle_input(App &app, const PollSet &set) {
  // A terminal's is broken when its app has ended, which is told otherwise.
  if (set.is_broken(app.in.slot) && app.stdio[0] == Stdio::stream) {
    app.in.close();
  } else {
    app.in.flush();
  }
  if (app.in.is_over) audience_.tell_deaf(app);
}

void Supervisor::handle_readiness(App &app) {
  // poll(2) looks at one file after the other: the app may have been executed, and be ready, behind the look at its start.
  if (app.start_report.is_open()) handle_start_report(app);
  char buffer[kMaxSaid];
  const Said said = read_said(app, buffer);
  app.readiness_pause = monotonic_ms() + kReadinessPauseMs;
  if (app.state != App::State::running) return;  // what a handler says, or a program that is gone
  if (said.ready && !app.is_ready) note_ready(app);
  if (said.is_reloading || said.ready) note_reloading(app, said.is_reloading);
  if (said.has_pinged) note_ping(app);
  if (said.is_hopeless) tell("WATCHDOG=trigger");
  if (said.extension != 0) pass_extension_on(said.extension);
  if (!said.status.empty()) pass_status_on(app, said.status);
}

void Supervisor::handle_stream(App &app, Stream &stream, const PollSet &set) {
  const bool can_pass_on = set.is_ready(stream.journal_slot) || set.is_ready(stream.caller_slot);
  const bool can_fill = set.is_ready(stream.pipe_slot);
  if (!can_pass_on && !can_fill && stream.behind == 0) return;
  bool is_whole = !can_pass_on || stream.pass_on();
  if (can_fill) {
    const bool is_due = stream.journal_retry != 0 && monotonic_ms() >= stream.journal_retry;
    if (is_due && set.has_input(stream.pipe_slot)) connect_journal(pod_, app, stream);
    is_whole = stream.fill();
  }
  // From when on nothing came: not while a slow sink was waited for.
  if (app.drain_deadline != 0) app.drain_deadline = monotonic_ms() + kDrainMs;
  if (!is_whole) {
    connect_journal(pod_, app, stream);
    stream.pass_on();
  }
  if (stream.behind != 0) audience_.deliver(app, stream);
  note_output(app, stream);
}

/** What is to be done about this output later on, or to be told of it now. */
void Supervisor::note_output(const App &app, Stream &stream) {
  if (stream.largest > kCalm && stream.calm_at == 0) stream.calm_at = monotonic_ms() + kCalmAfterMs;
  if (!stream.journal_holds_others_back()) {
    stream.patience_end = 0;
  } else if (stream.patience_end == 0) {
    stream.patience_end = monotonic_ms() + kJournalPatienceMs;
  }
  if (stream.lost == 0 || !stream.journal.fd.is_open() || stream.journal_is_stuck) return;
  enter_loss(pod_, app, stream.lost);
  stream.lost = 0;
}

/**
 * journald asks systemd whose a stream is when the turn of the stream's first line comes, and of a unit that is over there is nothing
 * to be had: the lines of a pod that was over before would be found neither by the pod nor, in the worst case, by its unit.
 */
void Supervisor::await_journal() {
  const uint64_t end = monotonic_ms() + kJournalFarewellMs;
  for (const App &app : pod_) {
    if (!app.out.journal_is_stuck) await_reader(app.out.journal, app.out.given, end);
    if (!app.err.journal_is_stuck) await_reader(app.err.journal, app.err.given, end);
  }
}

void Supervisor::tend_output(Stream &stream, uint64_t now) {
  if (stream.patience_end != 0 && now >= stream.patience_end) {
    stream.patience_end = 0;
    stream.leave_journal_behind();
    stream.pass_on();
  }
  if (stream.calm_at == 0 || now < stream.calm_at) return;
  stream.calm_at = stream.is_empty() ? 0 : now + kCalmAfterMs;
  if (stream.is_empty()) stream.calm_down();
}

void Supervisor::handle_deadlines() {
  const uint64_t now = monotonic_ms();
  for (App &app : pod_) {
    if (app.readiness_pause != 0 && now >= app.readiness_pause) app.readiness_pause = 0;
    if (app.deadline != 0 && now >= app.deadline && !(app.comes_again && app.state == App::State::paused)) {
      app.deadline = 0;
      if (app.state == App::State::paused) {
        begin_run(app);
      } else if (app.is_condemned && app.state == App::State::running && app.stop == App::Stop::none) {
        kill_processes(app);
      } else {
        kill_app(app);
      }
    }
    tend_output(app.out, now);
    tend_output(app.err, now);
    if (!app.is_over() || app.is_drained()) continue;
    if (is_held(app)) app.drain_deadline = now + kDrainMs;
    const bool is_held_open = app.is_relayed() && now >= app.drain_deadline;
    const bool is_given_up = app.stop != App::Stop::none && now >= app.give_up;
    if (!is_held_open && !is_given_up) continue;
    app.out.abandon();
    app.terminal.next.close();
    app.err.abandon();
    abandon_companions(app);
  }
}

void Supervisor::reap() {
  for (;;) {
    int wait_status = 0;
    const sys::Result pid = sys::wait4(-1, &wait_status, kWaitNoHang);
    if (pid <= 0) return;
    if (reap_companion(pid, wait_status)) continue;
    for (App &app : pod_) {
      if (app.pid == pid && app.has_process()) note_end(app, wait_status);
    }
  }
}

}  // namespace podctl
