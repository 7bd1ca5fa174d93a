#include "entry.h"

#include "files.h"
#include "journal.h"
#include "status.h"

namespace podctl {

constexpr EventName kEvents[] = {
    {Event::app_started, "app-started", "909c295fd9574c25a17f1903e3b7fdad"},
    {Event::app_ready, "app-ready", "541e887924434ab7a420fe33f8916b44"},
    {Event::app_restarting, "app-restarting", "1ab09fbbfd114da7a65dc07e2c2af43a"},
    {Event::app_exited, "app-exited", "e1e1a6905055451fb28843792f16b548"},
    {Event::app_oom, "app-oom", "d6a9c6c13ff549678347e440275f5ae2"},
    {Event::handler_failed, "handler-failed", "b7cdc5f0657941bfa0702cead21ab1c9"},
    {Event::app_healthy, "app-healthy", "d828eb0b882c453c98f30e11f527e062"},
    {Event::app_unhealthy, "app-unhealthy", "354a5ef0cb7c47f6b64ffcc8a080bda1"},
    {Event::output_lost, "output-lost", "41d3a99a9fa143e08ab539a087264081"},
    {Event::started, "started", "355d264c27c140e8b7b4ac7b3bf227ae"},
    {Event::stopping, "stopping", "39f905c96f1a4895bec78f8224326e31"},
    {Event::exited, "exited", "cb97f5d3f59b4961aa4e21e0ee7d554c"},
};
constexpr size_t kEventCount = sizeof kEvents / sizeof kEvents[0];

namespace {

constexpr int kWarning = 4;
constexpr int kInformational = 6;

/** How long the end of a pod waits for a journal that is busy. */
constexpr uint64_t kFarewellMs = 1000;

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

/** An entry being made, up to what is its own. */
class Entry {
 public:
  Entry(Pod &pod, Event event, int priority) : pod_(pod) {
    const EventName &name = kEvents[static_cast<size_t>(event)];
    text_ << "MESSAGE_ID=" << name.id << "\nPRIORITY=" << priority << "\nSYSLOG_IDENTIFIER=podctl\nPODCTL_EVENT=" << name.name
          << "\nPOD_UUID=" << pod.uuid << '\n';
  }
  Writer &text() { return text_; }
  void send() {
    text_ << '\n';
    if (pod_.journal.is_open()) send_entry(pod_.journal, pod_.entries, pod_.arena, text_.text());
  }

 private:
  Pod &pod_;
  Buffer<2048> text_;
};

void put_message(Writer &out, Event event, const App &app) {
  out << "MESSAGE=app " << app.name;
  switch (event) {
    case Event::app_started: out << " has started"; break;
    case Event::app_ready: out << " is ready"; break;
    case Event::app_restarting:
      put_end(out, app);
      out << ", restarting (" << app.restarts << ')';
      break;
    case Event::handler_failed: out << ": its post-stop handler ended with status " << app.handler_status; break;
    case Event::app_healthy: out << " is healthy"; break;
    case Event::app_unhealthy: out << " is unhealthy: " << app.health.failures << " checks in a row have failed"; break;
    default: put_end(out, app); break;
  }
}

/** Of something good, with no end to tell of. */
bool is_beginning(Event event) {
  return event == Event::app_started || event == Event::app_ready || event == Event::app_healthy;
}

bool is_fine(Event event, const App &app) {
  if (event == Event::app_unhealthy) return false;
  return is_beginning(event) || app.exit_status == 0 || app.reason == Reason::stopped;
}

}  // namespace

void enter(Pod &pod, Event event, const App &app) {
  const bool is_end = !is_beginning(event) && event != Event::app_unhealthy;
  Entry entry(pod, event, is_fine(event, app) ? kInformational : kWarning);
  put_message(entry.text(), event, app);
  entry.text() << "\nAPP=" << app.name;
  if (event == Event::app_unhealthy) {
    entry.text() << "\nHEALTH_FAILURES=" << app.health.failures << "\nHEALTH_OUTPUT=" << app.health.said();
  }
  if (is_end) {
    entry.text() << "\nREASON=" << reason_name(app) << "\nEXIT_STATUS="
                 << (event == Event::handler_failed ? app.handler_status : app.exit_status) << "\nRESTARTS=" << app.restarts;
    if (app.signal != 0) entry.text() << "\nSIGNAL=" << app.signal;
    if (!app.detail.empty()) entry.text() << "\nDETAIL=" << app.detail;
  }
  entry.send();
}

void enter_oom(Pod &pod, const App &app, uint64_t count) {
  Entry entry(pod, Event::app_oom, kWarning);
  entry.text() << "MESSAGE=app " << app.name << ": " << count << " of its processes were killed for want of memory\nAPP=" << app.name
               << "\nCOUNT=" << count;
  entry.send();
}

void enter_loss(Pod &pod, const App &app, uint64_t bytes) {
  Entry entry(pod, Event::output_lost, kWarning);
  entry.text() << "MESSAGE=app " << app.name << ": " << bytes << " bytes of its output did not go to the journal, which was away or "
               << "took nothing\nAPP=" << app.name << "\nBYTES=" << bytes;
  entry.send();
}

void enter(Pod &pod, Event event) {
  Entry entry(pod, event, kInformational);
  entry.text() << "MESSAGE=pod " << pod.uuid << (event == Event::stopping ? " is being stopped" : " has started");
  entry.send();
}

void enter_end(Pod &pod, Text reason, int exit_status) {
  const bool is_good = exit_status == 0 || reason == "stopped";
  Entry entry(pod, Event::exited, is_good ? kInformational : kWarning);
  entry.text() << "MESSAGE=pod " << pod.uuid;
  if (reason == "start") {
    entry.text() << " could not be started";
  } else {
    entry.text() << (reason == "stopped" ? " was stopped, with status " : " ended with status ") << exit_status;
  }
  entry.text() << "\nREASON=" << reason << "\nEXIT_STATUS=" << exit_status;
  entry.send();
  send_all_waiting(pod.entries, kFarewellMs);
}

}  // namespace podctl
