// A pod in memory: what the plan's head and the launcher made, and what the init keeps of its apps.
#pragma once

#include "bus.h"
#include "excerpt.h"
#include "fd.h"
#include "journal.h"
#include "kernel.h"
#include "plan.h"
#include "input.h"
#include "relay.h"
#include "sink.h"
#include "users.h"

namespace podctl {

/** Why an app is over, or was when it was last restarted. In the order of kReasonNames (status.cc). */
enum class Reason : uint8_t { none, exit, signal, oom, seccomp, stopped, exec, set_up, pre_start, dependency, unhealthy };

/** What one of an app's files 0 to 2 is (docs/stdio.md). */
enum class Stdio : uint8_t { null, log, stream, tty };

/** Which of an app's programs a process is for. */
enum class Part : uint8_t { pre_start, main, post_stop, companion };

struct App;

/** A program that runs beside an app's main process (companion.h). */
struct Companion {
  /** Who wants to know how it ended. */
  enum class Purpose : uint8_t { check };

  Companion *next = nullptr;
  /** Null: it is nobody's, and can become a new one. */
  App *app = nullptr;
  Purpose purpose = Purpose::check;
  /** Tells its cgroup from those of the app's others. */
  uint32_t number = 0;
  Fd cgroup{};
  long pid = 0;
  /** Where the child reports a failed start; closed by its exec. */
  Fd start_report{};
  /** Our end of its output, nonblocking; closed at its end, or if the output is not ours. */
  Fd output{};
  /** The end of what it said, or why it was not started. */
  Excerpt said{};
  /** Places in the supervisor's poll set. */
  int start_slot = -1;
  int output_slot = -1;
  /** Monotonic milliseconds: until when its output is left alone; when it is killed. 0 for none. */
  uint64_t output_pause = 0;
  uint64_t deadline = 0;
  uint64_t timeout_ms = 0;
  bool has_timed_out = false;
  /** 0–255, 128+n for signal n, once it has ended. */
  int exit_status = 0;
  bool was_not_started = false;
};

/** What its checks say of an app that runs (health.cc). */
struct Health {
  enum class State : uint8_t { starting, healthy, unhealthy };

  State state = State::starting;
  /** In this run a check has succeeded. */
  bool was_good = false;
  /** A check is on its way, and was begun within the start period. */
  bool is_checked = false;
  bool is_early = false;
  /** Checks that have failed since the last one that did not; those that do not count are none. */
  uint32_t failures = 0;
  /** Monotonic milliseconds: when the next one is begun; 0 while there is one, or will be none. */
  uint64_t due = 0;
  /** What the last one that failed has said: one line. */
  char *output = nullptr;
  size_t output_size = 0;

  Text said() const { return {output, output_size}; }
};

/** One app, from its section of the plan to its exit status. Its life is told in apps.cc. */
struct App {
  /**
   * waiting → [pre_start →] starting → running → [post_stop →] exited, and from the end of a run also → paused → …
   * `waiting`: for apps that must be ready before; `paused`: between two runs.
   */
  enum class State : uint8_t { waiting, pre_start, starting, running, post_stop, paused, exited };
  enum class Stop : uint8_t { none, asked, killed };

  App *next = nullptr;
  Text name{};
  Text cgroup_name{};
  /** The memory of its section, if it has joined the running pod with one. */
  Arena own{};
  /** Its section: `first` is the operation `app`, `last` the one behind `exec`. */
  const Op *first = nullptr;
  const Op *last = nullptr;
  /** Operations of its section that its life depends on; null without. */
  const Op *after = nullptr;
  const Op *notify = nullptr;
  const Op *restart = nullptr;
  const Op *pre_start = nullptr;
  const Op *post_stop = nullptr;
  const Op *check = nullptr;
  /** Sockets of the unit that its program gets. */
  const Op *listen = nullptr;
  /** It is ready while it is healthy. */
  bool awaits_health = false;
  int stop_signal = kSignalTerminate;
  /** 0: SIGHUP, if the app catches it. */
  int reload_signal = 0;

  Fd cgroup{};
  /** cgroup.kill was used: the kernel kills what clone3 puts into such a cgroup, so that processes have to move there. */
  bool is_cgroup_used_up = false;
  /** The mount namespace of this run, kept while a further process is to see the same. */
  Fd view{};
  /** The process of the current state; reaped ones leave their number. */
  long pid = 0;
  State state = State::waiting;
  Stop stop = Stop::none;
  /** Where the child reports a failed start; closed by its exec. */
  Fd start_report{};
  /** Where the app says that it is ready; closed if it is when it was executed. */
  Fd readiness{};
  /** Places in the supervisor's poll set. */
  int start_slot = -1;
  int readiness_slot = -1;
  /** What its files 0 to 2 are. */
  Stdio stdio[3] = {Stdio::null, Stdio::log, Stdio::log};
  /** Its pipes are made. */
  bool is_wired = false;
  Terminal terminal{};
  Input in{};
  /** The app's ends of its pipes, kept if it may have more than one process. */
  Fd in_end{};
  Fd out_end{};
  Fd err_end{};
  Stream out{};
  Stream err{};
  /** Nanoseconds since the epoch. */
  uint64_t started = 0;
  uint64_t finished = 0;
  /** Monotonic milliseconds. */
  uint64_t started_ms = 0;
  /** 0–255; 128+n for signal n. */
  int exit_status = 0;
  /** The signal that ended it, 0 if it exited. */
  int signal = 0;
  Reason reason = Reason::none;
  /** The sentence of a start that failed, in a buffer of the app's own. */
  Text detail{};
  char *detail_buffer = nullptr;
  /** How its post-stop handler ended, if it failed. */
  int handler_status = 0;
  bool is_ready = false;
  /** Asked to end so that it starts again: from its end on it is `paused`. */
  bool comes_again = false;
  /** In this run or in an earlier one. */
  bool was_ready = false;
  /** In this run: it reads its configuration anew, by its own word; it has pinged the watchdog; and has since that was fed. */
  bool is_reloading = false;
  bool is_watched = false;
  bool has_pinged = false;
  /** All of them, and those since it last ran well. */
  uint32_t restarts = 0;
  uint32_t restarts_in_row = 0;
  Health health{};
  /** Its run is being ended, since it is unhealthy. */
  bool is_condemned = false;
  /** How many programs run beside its own. */
  uint32_t companions = 0;
  /** What memory.events counted before this run. */
  uint64_t oom_kills = 0;
  /** Monotonic milliseconds, 0 for none. A running process is killed then, a paused app goes on. */
  uint64_t deadline = 0;
  /** Until when its pipes are waited for although nothing comes. */
  uint64_t drain_deadline = 0;
  /** From when on, after a stop, output that nobody takes is given up. */
  uint64_t give_up = 0;
  /** Until when its readiness socket is left alone. */
  uint64_t readiness_pause = 0;

  bool has_process() const {
    return state == State::pre_start || state == State::starting || state == State::running || state == State::post_stop;
  }
  bool is_over() const { return state == State::exited; }
  /** Its program was executed, in this run or in an earlier one. */
  bool has_started() const { return started != 0; }
  bool has_failed() const { return is_over() && exit_status != 0 && reason != Reason::stopped; }
  bool is_drained() const { return out.is_over() && err.is_over() && !terminal.next.is_open() && companions == 0; }
  bool has_terminal() const { return stdio[1] == Stdio::tty; }
  /** What was read of its pipes has gone to the sinks: only the pipes could bring more. */
  bool is_relayed() const { return out.is_empty() && err.is_empty(); }
  /** More than one process uses its pipes, one after the other. */
  bool has_many_processes() const { return restart != nullptr || pre_start != nullptr || post_stop != nullptr; }
};

/** For loops over a pod's apps. */
template <class T>
class AppIterator {
 public:
  explicit AppIterator(T *app) : app_(app) {}
  T &operator*() const { return *app_; }
  AppIterator &operator++() {
    app_ = app_->next;
    return *this;
  }
  bool operator!=(const AppIterator &other) const { return app_ != other.app_; }

 private:
  T *app_;
};

/** When a pod ends, beside being stopped. */
enum class ExitPolicy : uint8_t { first_failure, any, all, main, stop };

/** What the launcher tells the init through a pipe, one byte each, in this order. The pipe's early end is its failure. */
enum class Release : char {
  /** The cgroups are ready for apps. */
  cgroups = 'c',
  /** systemd knows the init as the unit's main process. */
  unit = 'u',
};

/** A socket that systemd passed to the unit. */
struct PassedSocket {
  /** What the plan calls it: its number when it came. */
  uint64_t number = 0;
  Fd file{};
};

struct Pod {
  Arena &arena;
  Plan plan{};

  Text uuid{};
  Fd directory{};
  /** Its subdirectory `status`. */
  Fd statuses{};
  Fd lock{};
  /** A connection to the caller who waits in the foreground with an input or a terminal for an app (audience.h). */
  Fd caller{};
  /** The caller's stdout and stderr. */
  Sink output{};
  Sink errors{};
  PassedSocket *sockets = nullptr;
  size_t socket_count = 0;
  /** The unit's credentials; closed if it has none. */
  Fd credentials{};
  /** How often systemd wants to hear that the pod lives (WatchdogSec=); 0: never. */
  uint64_t watchdog_ms = 0;
  uint64_t stop_grace_ms = 10000;
  ExitPolicy exit_policy = ExitPolicy::first_failure;
  /** The app that the policy `main` is about. */
  Text main_app{};
  /** CLONE_NEW* chosen by the plan, beside those every pod has. */
  uint64_t namespaces = 0;
  Users users{};
  /** An existing network namespace to join. */
  Fd network{};

  /** The delegated cgroup `apps`. */
  Fd apps_cgroup{};
  /** Connected to systemd's notify socket; closed outside of systemd. */
  Fd notify{};
  /** Listens for what the host asks (control.h). */
  Fd control{};
  /** Listens for callers of the bus façade (facade.h); closed without one. */
  Fd facade{};
  /** The init's end of the launcher's pipe. */
  Fd released{};
  /** The directory of the journal's sockets; closed if there is none. */
  Fd journal{};
  EntryQueue entries{};
  Bus bus{};

  /** In the order of the plan; apps may join and leave while the pod runs. */
  App *apps = nullptr;
  size_t app_count = 0;
  /** What has left, to be used again for what joins. */
  App *spare = nullptr;
  /** Those that run, and those that have, to be used again. */
  Companion *companions = nullptr;

  AppIterator<App> begin() { return AppIterator<App>(apps); }
  AppIterator<App> end() { return AppIterator<App>(nullptr); }
  AppIterator<const App> begin() const { return AppIterator<const App>(apps); }
  AppIterator<const App> end() const { return AppIterator<const App>(nullptr); }
};

}  // namespace podctl
