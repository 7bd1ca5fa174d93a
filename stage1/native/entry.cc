#include "entry.h"

#include "files.h"
#include "journal.h"
#include "status.h"

namespace podctl {

constexpr EventName kEvents[] = {
    {Event::app_ready, "app-ready", "541e887924434ab7a420fe33f8916b44"},
    {Event::app_restarting, "app-restarting", "1ab09fbbfd114da7a65dc07e2c2af43a"},
    {Event::app_exited, "app-exited", "e1e1a6905055451fb28843792f16b548"},
    {Event::handler_failed, "handler-failed", "b7cdc5f0657941bfa0702cead21ab1c9"},
    {Event::app_healthy, "app-healthy", "d828eb0b882c453c98f30e11f527e062"},
    {Event::app_unhealthy, "app-unhealthy", "354a5ef0cb7c47f6b64ffcc8a080bda1"},
};
constexpr size_t kEventCount = sizeof kEvents / sizeof kEvents[0];

namespace {

constexpr int kWarning = 4;
constexpr int kInformational = 6;

/** "was killed by signal 9": what is said behind the app's name. */
void put_end(Writer &out, const App &app) {
  switch (app.reason) {
    case Reason::none:
    case Reason::exit: out << " exited with status " << app.exit_status; break;
    case Reason::signal: out << " was killed by signal " << app.signal; break;
    case Reason::oom: out << " was killed for want of memory"; break;
    case Reason::seccomp: out << " was killed: it made a system call that its filter refuses"; break;
    case Reason::stopped: out << " was stopped"; break;
    case Reason::exec: out << " could not be executed"; break;
    case Reason::set_up: out << " could not be set up"; break;
    case Reason::pre_start: out << " was not started: its pre-start handler ended with status " << app.exit_status; break;
    case Reason::unhealthy: out << " was ended with status " << app.exit_status << ", since it was unhealthy"; break;
    case Reason::dependency: out << " was not started: an app that it comes after failed"; break;
  }
}

void put_message(Writer &out, Event event, const App &app) {
  out << "app " << app.name;
  switch (event) {
    case Event::app_ready: out << " is ready"; break;
    case Event::app_exited: put_end(out, app); break;
    case Event::app_restarting:
      put_end(out, app);
      out << ", restarting (" << app.restarts << ')';
      break;
    case Event::handler_failed: out << ": its post-stop handler ended with status " << app.handler_status; break;
    case Event::app_healthy: out << " is healthy"; break;
    case Event::app_unhealthy: out << " is unhealthy: " << app.health.failures << " checks in a row have failed"; break;
  }
}

}  // namespace

void enter(const Pod &pod, Event event, const App &app) {
  if (!pod.journal.is_open()) return;
  const EventName &name = kEvents[static_cast<size_t>(event)];
  const bool is_end = event != Event::app_ready && event != Event::app_healthy && event != Event::app_unhealthy;
  const bool is_fine = is_end ? app.exit_status == 0 || app.reason == Reason::stopped : event != Event::app_unhealthy;
  Buffer<2048> entry;
  entry << "MESSAGE=";
  put_message(entry, event, app);
  entry << "\nMESSAGE_ID=" << name.id << "\nPRIORITY=" << (is_fine ? kInformational : kWarning)
        << "\nSYSLOG_IDENTIFIER=podctl\nPODCTL_EVENT=" << name.name << "\nPOD_UUID=" << pod.uuid << "\nAPP=" << app.name;
  if (event == Event::app_unhealthy) {
    entry << "\nHEALTH_FAILURES=" << app.health.failures << "\nHEALTH_OUTPUT=" << app.health.said();
  }
  if (is_end) {
    entry << "\nREASON=" << reason_name(app) << "\nEXIT_STATUS="
          << (event == Event::handler_failed ? app.handler_status : app.exit_status) << "\nRESTARTS=" << app.restarts;
    if (!app.detail.empty()) entry << "\nDETAIL=" << app.detail;
  }
  entry << '\n';
  send_entry(pod.journal, entry.text());
}

}  // namespace podctl
