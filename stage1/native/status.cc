#include "status.h"

#include "files.h"
#include "report.h"

namespace podctl {
namespace {

/** Indexed by Reason. */
constexpr Text kReasonNames[] = {"exit", "exit", "signal", "oom", "seccomp", "stopped", "exec", "set-up", "pre-start", "dependency", "unhealthy"};

/** Indexed by Health::State. */
constexpr Text kHealthNames[] = {"starting", "healthy", "unhealthy"};

Text state_name(const App &app) {
  return app.is_over() ? "exited" : app.state == App::State::paused ? "restarting" : "running";
}

void put_health(Writer &record, const App &app) {
  if (app.check == nullptr) return;
  record << "health=" << kHealthNames[static_cast<size_t>(app.health.state)] << '\n';
  if (app.health.failures != 0) record << "health-failures=" << app.health.failures << '\n';
  if (app.health.output_size != 0) {
    record << "health-output=";
    put_escaped(record, app.health.said());
    record << '\n';
  }
}

}  // namespace

Text reason_name(const App &app) { return kReasonNames[static_cast<size_t>(app.reason)]; }

Outcome<> write_status(const Pod &pod, const App &app) {
  Buffer<4096> record;
  record << "state=" << state_name(app) << '\n';
  if (app.has_started()) record << "started=" << app.started << '\n';
  if (app.state == App::State::running) {
    record << "pid=" << static_cast<int64_t>(app.pid) << '\n';
    put_health(record, app);
  }
  if (app.state != App::State::running) {
    if (app.finished != 0) record << "finished=" << app.finished << '\n';
    record << "exit=" << app.exit_status << '\n';
    if (app.signal != 0) record << "signal=" << app.signal << '\n';
    record << "reason=" << reason_name(app) << '\n';
    if (!app.detail.empty()) record << "detail=" << app.detail << '\n';
  }
  if (app.restarts != 0) record << "restarts=" << app.restarts << '\n';
  return replace_file(pod.statuses.get(), app.name, record.text());
}

}  // namespace podctl
