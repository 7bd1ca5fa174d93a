// The life of one app: its runs, what each is made of, and how it comes to its end.
#include "app.h"
#include "cgroup.h"
#include "clock.h"
#include "files.h"
#include "kernel.h"
#include "report.h"
#include "restarts.h"
#include "status.h"
#include "supervise.h"
#include "wiring.h"

namespace podctl {
namespace {

constexpr size_t kMaxDetail = 512;

/** The exit status of an app that was asked to end, and did, since it was unhealthy. */
constexpr int kUnhealthyStatus = 1;

/** A copy of a failure's sentence, without its end of line, in memory that the app's next failure takes over. */
void keep_detail(Pod &pod, App &app, Text sentence) {
  if (sentence.starts_with(kOwnPrefix)) sentence = sentence.from(kOwnPrefix.size);
  sentence = sentence.first(sentence.find('\n'));
  if (sentence.size > kMaxDetail) sentence = sentence.first(kMaxDetail);
  if (app.detail_buffer == nullptr) app.detail_buffer = static_cast<char *>(pod.arena.bytes(kMaxDetail));
  __builtin_memcpy(app.detail_buffer, sentence.data, sentence.size);
  app.detail = Text(app.detail_buffer, sentence.size);
}

}  // namespace

Outcome<> Supervisor::start_app(App &app) {
  app.stop = App::Stop::none;
  app.comes_again = false;
  app.deadline = app.drain_deadline = app.give_up = 0;
  app.reason = Reason::none;
  app.detail = {};
  app.exit_status = app.signal = 0;
  app.is_condemned = false;
  const bool has_handler = app.pre_start != nullptr;
  return enter_state(app, has_handler ? App::State::pre_start : App::State::starting,
                     has_handler ? Part::pre_start : Part::main);
}

Outcome<> Supervisor::enter_state(App &app, App::State state, Part part) {
  is_fat_ = true;
  app.state = state;
  app.pid = 0;
  if (part == Part::main && app.cgroup.is_open()) app.oom_kills = count_oom_kills(app.cgroup);
  return start_process(pod_, app, part);
}

void Supervisor::stop_app(App &app, uint64_t grace_ms) {
  if (app.comes_again) {
    app.comes_again = false;
    if (app.state == App::State::paused) finish(app);
  }
  const uint64_t end = monotonic_ms() + grace_ms;
  if (app.stop != App::Stop::none) {
    // Whoever has less patience counts: the pod may be stopped while one of its apps is.
    if (app.state != App::State::post_stop && app.deadline > end) app.deadline = app.give_up = end;
    return;
  }
  app.stop = App::Stop::asked;
  thaw(app);
  app.give_up = end;
  switch (app.state) {
    case App::State::waiting:
    case App::State::paused:
      app.reason = Reason::stopped;
      finish(app);
      return;
    case App::State::pre_start:
    case App::State::starting:
    case App::State::running:
      app.deadline = app.give_up;
      static_cast<void>(sys::kill(app.pid, app.stop_signal));  // ignored: it may have ended just now
      return;
    case App::State::post_stop:  // has its deadline
    case App::State::exited: return;
  }
}

void Supervisor::kill_app(App &app) {
  if (app.state == App::State::paused) stop_app(app, pod_.stop_grace_ms);
  if (app.stop == App::Stop::none && app.state != App::State::post_stop) stop_app(app, pod_.stop_grace_ms);
  if (!app.has_process()) return;
  if (app.state != App::State::post_stop) app.stop = App::Stop::killed;
  app.deadline = 0;
  kill_processes(app);
}

/** A frozen process does nothing about its stop signal. */
void Supervisor::thaw(App &app) {
  if (!app.cgroup.is_open()) return;
  const Outcome<> thawed = thaw_cgroup(app.cgroup);
  if (!thawed.ok()) warn(pod_, *thawed.failure);
}

void Supervisor::kill_processes(App &app) {
  app.is_cgroup_used_up = true;
  const Outcome<> killed = kill_cgroup(app.cgroup);
  if (!killed.ok()) warn(pod_, *killed.failure);
}

/** What a process left behind goes before the next one comes, and lets go of the pipes. */
void Supervisor::clear_cgroup(App &app) {
  if (is_populated(app.cgroup)) kill_processes(app);
}

void Supervisor::note_executed(App &app) {
  if (app.state != App::State::starting) return;
  app.state = App::State::running;
  app.started = realtime_ns();
  app.started_ms = monotonic_ms();
  if (!app.readiness.is_open() && !app.awaits_health) app.is_ready = app.was_ready = true;
  enter(pod_, Event::app_started, app);
  begin_health(app);
  record(app);
}

void Supervisor::note_ready(App &app) {
  app.is_ready = app.was_ready = true;
  enter(pod_, Event::app_ready, app);
  record(app);
}

/** Its process still has to be reaped, if there is one. */
void Supervisor::note_start_failure(App &app, const Report &report) {
  const Text operation = value_in(report.record, "operation");
  const bool is_of_handler = operation == "pre-start" || operation == "post-stop";
  if (app.state == App::State::post_stop) {
    tell(report.sentence);
    return;
  }
  app.reason = operation == "exec" || is_of_handler ? Reason::exec : Reason::set_up;
  keep_detail(pod_, app, report.sentence);
  if (announced_) {
    tell(report.sentence);
    return;
  }
  // The pod has not come up, and trying again would not change that.
  publish(pod_, report);
  fail_start();
}

void Supervisor::note_end(App &app, int wait_status) {
  if (app.start_report.is_open()) handle_start_report(app);
  const int signal = wait_status & 0x7f;
  const int status = signal != 0 ? 128 + signal : wait_status >> 8 & 0xff;
  app.pid = 0;
  if (app.terminal.link.is_open()) handle_terminal(app);
  if (app.has_terminal()) leave_terminal(app);
  if (app.state == App::State::post_stop) {
    app.deadline = 0;
    if (status != 0) {
      app.handler_status = status;
      enter(pod_, Event::handler_failed, app);
    }
    clear_cgroup(app);
    end_run(app);
    return;
  }
  app.deadline = 0;
  app.signal = signal;
  app.exit_status = status;
  if (app.state == App::State::pre_start) {
    note_end_of_pre_start(app);
  } else {
    note_end_of_main(app);
  }
}

void Supervisor::note_end_of_pre_start(App &app) {
  clear_cgroup(app);
  if (app.reason != Reason::none) {
    app.exit_status = kOwnFailure;  // of the start, which said why
  } else if (app.stop != App::Stop::none) {
    app.reason = Reason::stopped;
  } else if (app.exit_status != 0) {
    app.reason = Reason::pre_start;
  } else {
    go_on(app, App::State::starting, Part::main);
    return;
  }
  end_run(app);
}

void Supervisor::note_end_of_main(App &app) {
  const bool was_executed = app.state == App::State::running;
  const uint64_t oom_kills = count_oom_kills(app.cgroup) - app.oom_kills;
  if (oom_kills > 0) enter_oom(pod_, app, oom_kills);
  app.is_ready = false;
  app.health.due = 0;
  if (was_executed) app.finished = realtime_ns();
  // An app may also catch the signal and say with its status that this is why it ended.
  const bool is_as_asked = app.exit_status == 0 || app.exit_status == 128 + app.stop_signal ||
                           app.exit_status == 128 + kSignalTerminate;
  if (app.reason != Reason::none) {
    app.exit_status = kOwnFailure;  // of the start, which said why
  } else if (app.stop != App::Stop::none && is_as_asked) {
    app.reason = Reason::stopped;
  } else if (app.is_condemned) {
    app.reason = Reason::unhealthy;
    // It has failed, however well it took its end; and systemd takes a death by SIGTERM for a success.
    if (is_as_asked) app.exit_status = kUnhealthyStatus;
    Buffer<kMaxDetail> said;
    put_escaped(said, app.health.said());
    keep_detail(pod_, app, said.text());
  } else if (app.exit_status == 128 + kSignalKill && oom_kills > 0) {
    app.reason = Reason::oom;
  } else if (app.exit_status == 128 + kSignalSystemCall && has_filter(app)) {
    app.reason = Reason::seccomp;
  } else {
    app.reason = app.signal != 0 ? Reason::signal : Reason::exit;
  }
  clear_cgroup(app);
  if (!was_executed || app.post_stop == nullptr) {
    end_run(app);
    return;
  }
  const uint64_t end = monotonic_ms() + pod_.stop_grace_ms;
  app.deadline = end;
  if (app.stop != App::Stop::none) app.give_up = end;
  go_on(app, App::State::post_stop, Part::post_stop);
}

void Supervisor::begin_run(App &app) {
  const Outcome<> started = start_app(app);
  if (!started.ok()) note_no_start(app, *started.failure);
}

void Supervisor::go_on(App &app, App::State state, Part part) {
  const Outcome<> entered = enter_state(app, state, part);
  if (!entered.ok()) note_no_start(app, *entered.failure);
}

/** There is no process that would have to be reaped. */
void Supervisor::note_no_start(App &app, const Failure &failure) {
  app.start_report.close();
  note_start_failure(app, Wording(failure).report());
  if (app.state != App::State::post_stop) app.exit_status = kOwnFailure;
  end_run(app);
}

void Supervisor::end_run(App &app) {
  note_reloading(app, false);
  app.is_watched = app.has_pinged = false;
  app.view.close();
  if (has_run_well(app)) app.restarts_in_row = 0;
  if (stopping_ || (!app.comes_again && !is_restarted(app))) {
    finish(app);
    return;
  }
  app.state = App::State::paused;
  app.deadline = monotonic_ms() + (app.comes_again ? kDrainMs : pause_of(app));
  if (!app.comes_again) {
    ++app.restarts;
    ++app.restarts_in_row;
  }
  enter(pod_, Event::app_restarting, app);
  record(app);
}

void Supervisor::finish(App &app) {
  app.state = App::State::exited;
  thaw(app);  // a further run is not to begin frozen
  app.deadline = app.readiness_pause = 0;
  app.drain_deadline = monotonic_ms() + kDrainMs;
  unwire(app);
  enter(pod_, Event::app_exited, app);
  record(app);
  conclude(app);
}

}  // namespace podctl
