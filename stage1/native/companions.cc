// What happens to the programs that run beside the apps' own: output, deadlines, ends.
#include <linux/errno.h>

#include "cgroup.h"
#include "clock.h"
#include "companion.h"
#include "kernel.h"
#include "supervise.h"

namespace podctl {
namespace {

/** How long output that nobody will see is left alone once some of it was read: no companion can keep the init busy. */
constexpr uint64_t kOutputPauseMs = 20;
/** Pieces that are read in one go: as much as a pipe holds. */
constexpr int kMostPieces = 32;
constexpr size_t kPiece = 2048;
/** A deadline that is met so late was not: this process stood still, and the companion, too. */
constexpr uint64_t kStoodStillMs = 1000;

/** Reads what is there, within bounds. */
void read_output(Companion &companion) {
  for (int i = 0; companion.output.is_open() && i < kMostPieces; ++i) {
    char piece[kPiece];
    const sys::Result got = sys::read(companion.output.get(), piece, sizeof piece);
    if (got == -EAGAIN || got == -EINTR) return;
    if (got <= 0) {
      companion.output.close();
    } else {
      companion.said.add(Text(piece, static_cast<size_t>(got)));
    }
  }
}

}  // namespace

void Supervisor::gather_companions(PollSet &set) {
  for (Companion *one = pod_.companions; one != nullptr; one = one->next) {
    one->start_slot = set.add(one->start_report, POLLIN);
    one->output_slot = one->output_pause == 0 ? set.add(one->output, POLLIN) : -1;
  }
}

void Supervisor::handle_companions(const PollSet &set) {
  for (Companion *one = pod_.companions; one != nullptr; one = one->next) {
    if (one->app == nullptr) continue;
    if (set.is_ready(one->start_slot)) handle_companion_report(*one);
    if (!set.is_ready(one->output_slot)) continue;
    read_output(*one);
    one->output_pause = monotonic_ms() + kOutputPauseMs;
  }
}

void Supervisor::handle_companion_report(Companion &companion) {
  char message[kMaxReport];
  const sys::Result got = sys::read(companion.start_report.get(), message, sizeof message);
  if (got == -EAGAIN || got == -EINTR) return;
  companion.start_report.close();
  if (got <= 0) return;
  Text sentence = parse_report(Text(message, static_cast<size_t>(got))).sentence;
  if (sentence.starts_with(kOwnPrefix)) sentence = sentence.from(kOwnPrefix.size);
  companion.was_not_started = true;
  companion.said.clear();
  companion.said.add(sentence.first(sentence.size < kKeptOutput ? sentence.size : kKeptOutput));
}

/** It may stand still with its app: then its time does, too. */
void Supervisor::handle_companion_deadlines() {
  const uint64_t now = monotonic_ms();
  for (Companion *one = pod_.companions; one != nullptr; one = one->next) {
    if (one->output_pause != 0 && now >= one->output_pause) one->output_pause = 0;
    if (one->app == nullptr || one->deadline == 0 || now < one->deadline) continue;
    if (now - one->deadline > kStoodStillMs || !is_moving(one->app->cgroup)) {
      one->deadline = now + one->timeout_ms;
      continue;
    }
    one->has_timed_out = true;
    kill_companion(*one);
    if (one->purpose == Companion::Purpose::check) note_check_timeout(*one->app, *one);
  }
}

uint64_t Supervisor::companions_deadline() const {
  uint64_t soonest = 0;
  for (const Companion *one = pod_.companions; one != nullptr; one = one->next) {
    soonest = sooner(soonest, sooner(one->deadline, one->output_pause));
  }
  return soonest;
}

void Supervisor::kill_companion(Companion &companion) {
  companion.deadline = 0;
  // ignored: it may have ended just now. By number, too: it may not have reached its cgroup yet.
  if (companion.pid != 0) static_cast<void>(sys::kill(companion.pid, kSignalKill));
  const Outcome<> killed = kill_cgroup(companion.cgroup);
  if (!killed.ok()) warn(pod_, *killed.failure);
}

/** True if `pid` was one. */
bool Supervisor::reap_companion(long pid, int wait_status) {
  for (Companion *one = pod_.companions; one != nullptr; one = one->next) {
    if (one->app == nullptr || one->pid != pid) continue;
    if (one->start_report.is_open()) handle_companion_report(*one);
    if (!one->was_not_started) read_output(*one);
    const int signal = wait_status & 0x7f;
    one->exit_status = signal != 0 ? 128 + signal : wait_status >> 8 & 0xff;
    one->pid = 0;
    App &app = *one->app;
    dismiss(*one);
    switch (one->purpose) {
      case Companion::Purpose::check: note_check(app, *one); break;
    }
    return true;
  }
  return false;
}

/** What it has left behind goes with it. */
void Supervisor::dismiss(Companion &companion) {
  App &app = *companion.app;
  if (is_populated(companion.cgroup)) kill_companion(companion);
  companion.start_report.close();
  companion.output.close();
  companion.cgroup.close();
  companion.deadline = companion.output_pause = 0;
  companion.app = nullptr;
  --app.companions;
  if (companion.purpose == Companion::Purpose::check) app.health.is_checked = false;
  if (app.cgroup.is_open()) remove_companion_cgroup(app.cgroup, companion.number);
}

void Supervisor::abandon_companions(const App &app) {
  for (Companion *one = pod_.companions; one != nullptr; one = one->next) {
    if (one->app == &app) dismiss(*one);
  }
}

}  // namespace podctl
