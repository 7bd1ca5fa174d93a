// A pod in memory: what the plan's head and the launcher made, and what the init keeps of its apps.
#pragma once

#include "bus.h"
#include "fd.h"
#include "plan.h"
#include "relay.h"
#include "sink.h"
#include "users.h"

namespace podctl {

/** One app, from its section of the plan to its exit status. */
struct App {
  enum class State : uint8_t { waiting, starting, running, exited };

  Text name{};
  Text cgroup_name{};
  /** Its section: `first` is the operation `app`, `last` the one behind `exec`. */
  const Op *first = nullptr;
  const Op *last = nullptr;

  Fd cgroup{};
  long pid = 0;
  State state = State::waiting;
  /** Where the child reports a failed start; closed by its exec. */
  Fd start_report{};
  /** Its place in the supervisor's poll set. */
  int start_slot = -1;
  Stream out{};
  Stream err{};
  /** Nanoseconds since the epoch. */
  uint64_t started = 0;
  uint64_t finished = 0;
  /** 0–255; 128+n for signal n. */
  int exit_status = 0;
  /** The signal that ended it, 0 if it exited. */
  int signal = 0;
  /** It ended as it was asked to. */
  bool stopped = false;
  /** Monotonic milliseconds: until when its pipes are waited for although nothing comes. */
  uint64_t drain_deadline = 0;

  bool is_alive() const { return state == State::starting || state == State::running; }
  /** Its program was executed. */
  bool has_started() const { return started != 0; }
  bool is_drained() const { return out.is_over() && err.is_over(); }
  /** What was read of its pipes has gone to the sinks: only the pipes could bring more. */
  bool is_relayed() const { return out.is_empty() && err.is_empty(); }
};

/** What the launcher tells the init through a pipe, one byte each, in this order. The pipe's early end is its failure. */
enum class Release : char {
  /** The cgroups are ready for apps. */
  cgroups = 'c',
  /** systemd knows the init as the unit's main process. */
  unit = 'u',
};

struct Pod {
  Arena &arena;
  Plan plan{};

  Text uuid{};
  Fd directory{};
  /** Its subdirectory `status`. */
  Fd statuses{};
  Fd lock{};
  /** The caller's stdout and stderr. */
  Sink output{};
  Sink errors{};
  uint64_t stop_grace_ms = 10000;
  /** CLONE_NEW* chosen by the plan, beside those every pod has. */
  uint64_t namespaces = 0;
  Users users{};
  /** An existing network namespace to join. */
  Fd network{};

  /** The delegated cgroup `apps`. */
  Fd apps_cgroup{};
  /** Connected to systemd's notify socket; closed outside of systemd. */
  Fd notify{};
  /** The init's end of the launcher's pipe. */
  Fd released{};
  /** The directory of the journal's sockets; closed if there is none. */
  Fd journal{};
  Bus bus{};

  App *apps = nullptr;
  size_t app_count = 0;

  App *begin() { return apps; }
  App *end() { return apps + app_count; }
  const App *begin() const { return apps; }
  const App *end() const { return apps + app_count; }
};

}  // namespace podctl
