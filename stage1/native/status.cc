#include "status.h"

#include "files.h"

namespace podctl {

Outcome<> write_status(const Pod &pod, const App &app) {
  Buffer<256> record;
  const bool is_over = app.state == App::State::exited;
  record << "state=" << (is_over ? "exited" : "running") << "\nstarted=" << app.started << '\n';
  if (!is_over) record << "pid=" << static_cast<int64_t>(app.pid) << '\n';
  if (is_over) {
    record << "finished=" << app.finished << "\nexit=" << app.exit_status << '\n';
    if (app.signal != 0) record << "signal=" << app.signal << '\n';
    record << "reason=" << (app.stopped ? "stopped" : app.signal != 0 ? "signal" : "exit") << '\n';
  }
  return replace_file(pod.statuses.get(), app.name, record.text());
}

}  // namespace podctl
