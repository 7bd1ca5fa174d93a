// The life of a pod once it is set up: one loop over everything that can happen to it.
#pragma once

#include "audience.h"
#include "control.h"
#include "entry.h"
#include "poll_set.h"
#include "pod.h"
#include "report.h"

namespace podctl {

/** How long a dead app's pipes are waited for when nothing comes: a process that was killed may still hold one. */
constexpr uint64_t kDrainMs = 1000;

class Supervisor {
 public:
  explicit Supervisor(Pod &pod) : pod_(pod), audience_(pod), control_(pod, *this, audience_) {}

  /** Starts every app that waits for no other. */
  Outcome<> begin();
  /** Returns the pod's exit status once all apps are over and their output is delivered. */
  int run();

  // apps.cc: the life of one app. Each of these may be called in any state; what they set off is told by the loop.
  /** Begins a run: its pre-start handler, else its program. For apps that wait, are paused or over. */
  Outcome<> start_app(App &app);
  /** Asks it to end, and kills it `grace_ms` later; one that is paused or waits is over at once. */
  void stop_app(App &app, uint64_t grace_ms);
  /** Kills it; its post-stop handler still runs. */
  void kill_app(App &app);
  /** As start_app; what fails is told as of any start. */
  void begin_run(App &app);

  // companions.cc: programs beside an app's own.
  /** Kills it and all that it has started; its end is told as any. */
  void kill_companion(Companion &companion);
  // again.cc, and what `machinectl` asks for.
  /** Has it end, as by stop_app, or kill_app if `grace_ms` is 0, and begin again; one that does not run begins at once. */
  void restart_app(App &app, uint64_t grace_ms);
  /** What `machinectl poweroff` asks for: as a stop of the unit. */
  void power_off() { stop(); }
  /** What `machinectl reboot` asks for: all apps end, and then all start as they did when the pod came up. */
  void reboot();

  /** When the pod is stopped, its apps get this long; one that is stopped already never gets longer. */
  void stop_in(uint64_t grace_ms);

  /** systemd knows that the pod is up; from then on it is open to requests. */
  bool is_up() const { return announced_; }
  bool is_stopping() const { return stopping_; }
  /** Code and stack were used that an idle pod has given back. */
  void note_work() { is_fat_ = true; }

 private:
  // supervise.cc: the loop.
  /** Its output waits for the caller; but nobody comes to a pod that does not come up. */
  bool is_held(const App &app) const;
  void gather(PollSet &set);
  void handle(const PollSet &set);
  /** Milliseconds until the next deadline; negative if there is none. */
  int64_t patience() const;

  // events.cc: what can happen.
  void handle_signals();
  void stop_as_asked();
  void handle_release();
  void handle_bus(bool is_readable);
  void handle_start_report(App &app);
  void handle_terminal(App &app);
  void handle_input(App &app, const PollSet &set);
  void handle_readiness(App &app);
  void handle_stream(App &app, Stream &stream, const PollSet &set);
  void note_output(const App &app, Stream &stream);
  void tend_output(Stream &stream, uint64_t now);
  void await_journal();
  void handle_deadlines();
  void reap();

  // apps.cc
  Outcome<> enter_state(App &app, App::State state, Part part);
  void note_executed(App &app);
  void note_ready(App &app);
  void note_start_failure(App &app, const Report &report);
  void note_end(App &app, int wait_status);
  void note_end_of_pre_start(App &app);
  void note_end_of_main(App &app);
  void go_on(App &app, App::State state, Part part);
  void note_no_start(App &app, const Failure &failure);
  void clear_cgroup(App &app);
  void kill_processes(App &app);
  void thaw(App &app);
  void end_run(App &app);
  void finish(App &app);
  void start_waiting();
  void start_again();

  // companions.cc
  void gather_companions(PollSet &set);
  void handle_companions(const PollSet &set);
  void handle_companion_report(Companion &companion);
  void handle_companion_deadlines();
  uint64_t companions_deadline() const;
  bool reap_companion(long pid, int wait_status);
  void dismiss(Companion &companion);
  void abandon_companions(const App &app);

  // health.cc
  void begin_health(App &app);
  bool is_judged(const App &app) const;
  void handle_health();
  void start_check(App &app);
  void note_check_timeout(App &app, const Companion &companion);
  void note_check(App &app, const Companion &companion);
  void note_good_check(App &app);
  void note_bad_check(App &app);
  void condemn(App &app, bool at_once);
  void record_health(const App &app);

  // service.cc: what the unit's directives ask of the pod.
  void tell(Text state);
  void extend_stop();
  void reload();
  bool is_reloading() const;
  void note_reloading(App &app, bool is_reloading_now);
  void pass_extension_on(uint64_t microseconds);
  void note_ping(App &app);
  bool is_any_watched() const;
  uint64_t watchdog_deadline() const;
  void feed_watchdog();
  void abort();

  // lifecycle.cc: what follows for the pod.
  void record(const App &app);
  void announce();
  bool is_registering();
  Outcome<> announce_count(Text more);
  void pass_status_on(const App &app, Text status);
  void announce_stop();
  void conclude(const App &app);
  bool is_everyone_over() const;
  bool can_come_up() const;
  bool is_ending() const;
  void decide(int exit_status);
  void fail(int exit_status);
  void stop();
  void fail_start();
  bool is_over() const;

  Pod &pod_;
  Audience audience_;
  Control control_;
  Fd signals_{};
  int signals_slot_ = -1;
  int released_slot_ = -1;
  int bus_slot_ = -1;
  /** systemd knows this process as the unit's main one. */
  bool released_ = false;
  bool announced_ = false;
  bool stop_announced_ = false;
  /** The pod ends: no app is started any more. */
  bool stopping_ = false;
  /** All apps end so that they start again, together. */
  bool rebooting_ = false;
  /** And somebody outside of the pod wants it to. */
  bool stop_was_asked_ = false;
  /** Apps get another time than systemd was told of when the pod was started. */
  bool grace_is_new_ = false;
  /** The exit status is settled, whatever else fails. */
  bool decided_ = false;
  /** Code of the set-up was needed again since it was last given back. */
  bool is_fat_ = false;
  int exit_status_ = 0;
  /** Monotonic milliseconds: when an app's STATUS= was last passed on. */
  uint64_t status_passed_ = 0;
  /** The same of RELOADING=1, and of WATCHDOG=1 to systemd. */
  uint64_t reload_passed_ = 0;
  uint64_t fed_ = 0;
};

}  // namespace podctl
