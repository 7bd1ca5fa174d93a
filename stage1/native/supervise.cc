#include "supervise.h"

#include <linux/fcntl.h>

#include "clock.h"
#include "kernel.h"
#include "thrift.h"
#include "wiring.h"

namespace podctl {
namespace {

/** Slots per app: its start report, readiness, terminal and input, and two pipes with two sinks each. Four more are the pod's. */
constexpr size_t kSlotsPerApp = 10;
constexpr size_t kOwnSlots = 4;
/** Its start report and its output. */
constexpr size_t kSlotsPerCompanion = 2;

void gather_stream(PollSet &set, Stream &stream, bool is_held = false) {
  stream.pipe_slot = stream.is_empty() && !is_held ? set.add(stream.pipe, POLLIN) : -1;
  stream.journal_slot = stream.journal_waits() ? set.add(stream.journal.fd, POLLOUT) : -1;
  stream.caller_slot = stream.caller_waits() ? set.add(stream.caller->fd, POLLOUT) : -1;
}

/** Of a pipe whose reader is gone poll(2) tells without being asked. */
void gather_input(PollSet &set, Input &input) {
  input.slot = set.add(input.to, input.is_empty() ? short{0} : short{POLLOUT});
}

/** When `app` next needs something done although nothing happens; 0 for never. */
uint64_t deadline_of(const App &app) {
  const uint64_t output = sooner(sooner(app.out.calm_at, app.out.patience_end), sooner(app.err.calm_at, app.err.patience_end));
  if (!app.is_over()) return sooner(output, sooner(sooner(app.deadline, app.readiness_pause), app.health.due));
  if (app.is_drained()) return 0;
  return sooner(output, sooner(app.is_relayed() ? app.drain_deadline : 0, app.stop == App::Stop::none ? 0 : app.give_up));
}

}  // namespace

Outcome<> Supervisor::begin() {
  signals_ = Fd(TRY(check(sys::signalfd(kHandledSignals, O_CLOEXEC | O_NONBLOCK), "signalfd4")));
  for (App &app : pod_) {
    if (app.after == nullptr) TRY(start_app(app));
  }
  return kDone;
}

int Supervisor::run() {
  PollSet set(pod_.arena);
  while (!is_over()) {
    gather(set);
    set.wait(patience());
    handle(set);
  }
  enter_end(pod_, !announced_ ? "start" : stop_was_asked_ ? "stopped" : "exit", exit_status_);
  audience_.end(exit_status_);
  await_journal();
  return exit_status_;
}

/** A caller comes back to a pod that is up, or may still be, and to no other. */
bool Supervisor::is_held(const App &app) const {
  return audience_.awaits_caller(app) && (announced_ || !app.is_over() || can_come_up());
}

void Supervisor::gather(PollSet &set) {
  audience_.adopt_caller();
  size_t companions = 0;
  for (const App &app : pod_) companions += app.companions;
  set.clear(kOwnSlots + kSlotsPerApp * pod_.app_count + kSlotsPerCompanion * companions + Control::kSlots + Audience::kSlots);
  signals_slot_ = set.add(signals_, POLLIN);
  released_slot_ = set.add(pod_.released, POLLIN);
  bus_slot_ = set.add(pod_.bus.socket, POLLIN);
  pod_.entries.slot = set.add(pod_.entries.socket, POLLOUT);
  for (App &app : pod_) {
    app.start_slot = set.add(app.start_report, POLLIN);
    app.readiness_slot = app.readiness_pause == 0 ? set.add(app.readiness, POLLIN) : -1;
    app.terminal.slot = set.add(app.terminal.link, POLLIN);
    gather_input(set, app.in);
    gather_stream(set, app.out, is_held(app));
    gather_stream(set, app.err);
  }
  gather_companions(set);
  control_.gather(set);
  audience_.gather(set);
}

int64_t Supervisor::patience() const {
  uint64_t deadline = deadline_of(pod_.bus);
  deadline = sooner(sooner(deadline, control_.deadline()), sooner(companions_deadline(), audience_.deadline()));
  deadline = sooner(deadline, watchdog_deadline());
  for (const App &app : pod_) deadline = sooner(deadline, deadline_of(app));
  if (deadline == 0) return -1;
  const uint64_t now = monotonic_ms();
  return deadline > now ? static_cast<int64_t>(deadline - now) : 0;
}

void Supervisor::handle(const PollSet &set) {
  for (App &app : pod_) {
    if (set.is_ready(app.start_slot)) handle_start_report(app);
    if (set.is_ready(app.readiness_slot)) handle_readiness(app);
    if (set.is_ready(app.terminal.slot) && app.terminal.link.is_open()) handle_terminal(app);
    if (set.is_ready(app.in.slot)) handle_input(app, set);
    handle_stream(app, app.out, set);
    handle_stream(app, app.err, set);
    if (app.terminal.next.is_open()) follow_terminal(app);
  }
  handle_companions(set);
  if (set.is_ready(pod_.entries.slot)) send_waiting(pod_.entries);
  if (set.is_ready(signals_slot_)) handle_signals();
  if (set.is_ready(released_slot_)) handle_release();
  if (pod_.bus.socket.is_open()) handle_bus(set.is_ready(bus_slot_));
  handle_deadlines();
  feed_watchdog();
  handle_companion_deadlines();
  handle_health();
  start_again();
  start_waiting();
  announce();
  control_.handle(set);
  audience_.handle(set);
  if (!announced_ || !is_fat_) return;
  for (const App &app : pod_) {
    if (app.start_report.is_open()) return;
  }
  for (const Companion *one = pod_.companions; one != nullptr; one = one->next) {
    if (one->start_report.is_open()) return;
  }
  is_fat_ = false;
  forget_setup();  // from here on a pod may be idle for months
}

}  // namespace podctl
