// Health checks: when an app's is started, what its end says of the app, and what follows. The rules are Docker's
// (https://docs.docker.com/reference/dockerfile/#healthcheck): the first check is made one interval after the start, the next
// one an interval after the last has ended; failures within the start period do not count until one has succeeded.
#include "cgroup.h"
#include "clock.h"
#include "companion.h"
#include "kernel.h"
#include "report.h"
#include "status.h"
#include "supervise.h"

namespace podctl {
namespace {

// Arguments of the operation `health`.
constexpr size_t kAction = 0;
constexpr size_t kInterval = 1;
constexpr size_t kTimeout = 2;
constexpr size_t kStartPeriod = 3;
constexpr size_t kStartInterval = 4;
constexpr size_t kRetries = 5;
constexpr size_t kArguments = 6;
constexpr size_t kFirst = 7;

/** What is put before a program's output, and all of it. */
constexpr size_t kMaxPrefix = 64;
constexpr size_t kMaxOutput = kMaxPrefix + kKeptOutput;

bool is_in_start_period(const App &app, uint64_t now) {
  return app.health.state == Health::State::starting && now - app.started_ms < app.check->number(kStartPeriod);
}

uint64_t next_check(const App &app) {
  const uint64_t now = monotonic_ms();
  return now + app.check->number(is_in_start_period(app, now) ? kStartInterval : kInterval);
}

Visit visit_of(const Op &check) {
  Visit visit;
  const size_t arguments = check.number(kArguments);
  const Text *const argv = check.args + kFirst;
  visit.program.arguments = argv;
  visit.program.argument_count = arguments;
  visit.program.candidates = argv + arguments;
  visit.program.candidate_count = check.count - kFirst - arguments;
  visit.timeout_ms = check.number(kTimeout);
  return visit;
}

/** One line of printable ASCII, whatever the program has put out. */
void keep_output(Pod &pod, Health &health, Text prefix, Text said) {
  if (health.output == nullptr) health.output = static_cast<char *>(pod.arena.bytes(kMaxOutput));
  Writer line(health.output, kMaxOutput);
  line << prefix;
  health.output_size = line.text().size;
  if (!prefix.empty()) line << ": ";
  const size_t begin = line.text().size;
  put_line_of(line, said);
  if (line.text().size != begin) health.output_size = line.text().size;
}

}  // namespace

void Supervisor::begin_health(App &app) {
  if (app.check == nullptr) return;
  app.health.state = Health::State::starting;
  app.health.failures = 0;
  app.health.output_size = 0;
  app.health.was_good = false;
  app.health.due = next_check(app);
}

/** Nothing is judged any more of an app that is on its way out. */
bool Supervisor::is_judged(const App &app) const {
  return app.state == App::State::running && app.stop == App::Stop::none && !app.is_condemned && !stopping_;
}

void Supervisor::handle_health() {
  const uint64_t now = monotonic_ms();
  for (App &app : pod_) {
    if (app.health.due == 0 || now < app.health.due) continue;
    app.health.due = 0;
    if (is_judged(app)) start_check(app);
  }
}

void Supervisor::start_check(App &app) {
  app.health.due = next_check(app);
  if (!is_moving(app.cgroup)) return;  // an app that stands still can answer none
  is_fat_ = true;
  if (app.health.is_checked) {
    keep_output(pod_, app.health, "the last check was killed, and has not ended", {});
    return note_bad_check(app);
  }
  app.health.is_early = is_in_start_period(app, monotonic_ms());
  const Outcome<Companion *> started = start_companion(pod_, app, visit_of(*app.check));
  if (started.ok()) {
    app.health.is_checked = true;
    app.health.due = 0;
    return;
  }
  Buffer<kMaxOutput> sentence;
  put_sentence(sentence, *started.failure);
  keep_output(pod_, app.health, "", sentence.text());
  note_bad_check(app);
}

void Supervisor::note_check_timeout(App &app, const Companion &companion) {
  if (!is_judged(app)) return;
  Buffer<kMaxPrefix> prefix;
  prefix << "no answer within " << companion.timeout_ms << " ms";
  keep_output(pod_, app.health, prefix.text(), companion.said.text());
  note_bad_check(app);
  app.health.due = next_check(app);
}

void Supervisor::note_check(App &app, const Companion &companion) {
  if (!is_judged(app) || companion.has_timed_out) return;  // that has been judged
  if (companion.exit_status == 0) {
    note_good_check(app);
  } else {
    Buffer<kMaxPrefix> prefix;
    if (!companion.was_not_started) prefix << "status " << companion.exit_status;
    keep_output(pod_, app.health, prefix.text(), companion.said.text());
    note_bad_check(app);
  }
  app.health.due = next_check(app);
}

void Supervisor::note_good_check(App &app) {
  const bool has_failed = app.health.failures != 0;
  app.health.failures = 0;
  app.health.output_size = 0;
  if (app.health.state == Health::State::healthy) {
    if (has_failed) record_health(app);
    return;
  }
  app.health.state = Health::State::healthy;
  app.health.was_good = true;
  enter(pod_, Event::app_healthy, app);
  if (!app.awaits_health) return record(app);
  if (!app.was_ready) return note_ready(app);
  app.is_ready = true;
  record(app);
}

void Supervisor::note_bad_check(App &app) {
  Health &health = app.health;
  if (!health.is_early && health.failures != ~0U) ++health.failures;
  if (health.state == Health::State::unhealthy || health.failures < app.check->number(kRetries)) {
    record_health(app);
    return;
  }
  health.state = Health::State::unhealthy;
  if (app.awaits_health) app.is_ready = false;
  enter(pod_, Event::app_unhealthy, app);
  record(app);
  const Text action = (*app.check)[kAction];
  if (action != "none") condemn(app, action == "kill");
}

/** Ends its run, because it is unhealthy; whether there is a further one is said by is_restarted. */
void Supervisor::condemn(App &app, bool at_once) {
  app.is_condemned = true;
  if (at_once) {
    kill_processes(app);
    return;
  }
  app.deadline = monotonic_ms() + pod_.stop_grace_ms;
  static_cast<void>(sys::kill(app.pid, app.stop_signal));  // ignored: it may have ended just now
}

/** What changes with every check is worth no message to systemd. */
void Supervisor::record_health(const App &app) {
  const Outcome<> written = write_status(pod_, app);
  if (!written.ok()) warn(pod_, *written.failure);
}

}  // namespace podctl
