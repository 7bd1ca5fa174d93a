// The life of a pod once it is set up: one loop over everything that can happen to it.
#pragma once

#include "poll_set.h"
#include "pod.h"

namespace podctl {

class Supervisor {
 public:
  explicit Supervisor(Pod &pod) : pod_(pod) {}

  /** Starts every app's child. */
  Outcome<> begin();
  /** Returns the pod's exit status once all apps are gone and their output is delivered. */
  int run();

 private:
  enum class Stop : uint8_t { none, asked, killed };

  // supervise.cc: the loop.
  void gather(PollSet &set);
  void handle(const PollSet &set);
  /** Milliseconds until the next deadline; negative if there is none. */
  int64_t patience() const;

  // events.cc: what can happen.
  void handle_signals();
  void handle_release();
  void handle_bus(bool is_readable);
  void handle_start_report(App &app);
  void handle_stream(App &app, Stream &stream, const PollSet &set);
  void handle_deadlines();
  void reap();
  void note_exit(App &app, int wait_status);

  // lifecycle.cc: what follows from it.
  void record(const App &app);
  void announce();
  bool is_registering();
  Outcome<> announce_count(Text more);
  void announce_stop();
  void fail(int exit_status);
  void stop();
  void kill_all();
  bool is_over() const;

  Pod &pod_;
  Fd signals_{};
  int signals_slot_ = -1;
  int released_slot_ = -1;
  int bus_slot_ = -1;
  /** systemd knows this process as the unit's main one. */
  bool released_ = false;
  bool announced_ = false;
  bool stop_announced_ = false;
  Stop stop_ = Stop::none;
  /** Monotonic milliseconds: when what was asked to stop is killed, and what is not delivered then is given up. */
  uint64_t kill_deadline_ = 0;
  /** How many apps have ended. */
  size_t exited_ = 0;
  int exit_status_ = 0;
};

}  // namespace podctl
