#include "control.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "audience.h"
#include "clock.h"
#include "kernel.h"
#include "members.h"
#include "report.h"
#include "status.h"
#include "supervise.h"

namespace podctl {
namespace {

constexpr uint64_t kLongestGrace = 24 * 3600 * 1000;
constexpr int kBacklog = 64;

/** Words in printable ASCII, one space between them. */
bool is_request(Text text) {
  bool was_space = true;
  for (size_t i = 0; i < text.size; ++i) {
    if (text[i] < ' ' || text[i] > '~' || (text[i] == ' ' && was_space)) return false;
    was_space = text[i] == ' ';
  }
  return !was_space;
}

Text state_of(const App &app) {
  if (app.is_over()) return app.has_started() || app.reason != Reason::none ? "exited" : "created";
  return app.state == App::State::waiting ? "waiting" : app.state == App::State::paused ? "restarting" : "running";
}

/** Its program could not be executed, for a reason that is in `detail`. */
bool was_not_executed(const App &app) {
  return app.reason == Reason::exec || app.reason == Reason::set_up || app.reason == Reason::pre_start;
}

}  // namespace

Outcome<Fd> listen_control(const Fd &directory) {
  constexpr Text kName = "control";
  Buffer<64> path;  // the directory's own path may be longer than a socket's address
  path << "/proc/self/fd/" << directory.get() << '/' << kName;
  // That of the last init, if the unit was restarted: the pod's lock says that there is no other.
  const sys::Result removed = sys::unlinkat(directory.get(), kName.c_str(), 0);
  if (removed != -ENOENT) TRY(check(removed, "unlinkat", kName));
  Fd socket = TRY(bind_unix(path.text(), kSockSeqpacket | kSockNonblock));
  TRY(check(sys::fchmodat(directory.get(), kName.c_str(), 0600), "fchmodat", kName));
  TRY(check(sys::listen(socket.get(), kBacklog), "listen", kName));
  return socket;
}

void Control::gather(PollSet &set) {
  slot_ = facade_slot_ = -1;
  if (!supervisor_.is_up() && !supervisor_.is_stopping()) return;
  for (size_t i = 0; i < kMaxConnections + kMaxCallers; ++i) {
    Connection &connection = connections_[i];
    connection.slot = set.add(connection.socket, POLLIN);
    if (connection.socket.is_open()) continue;
    if (i < kMaxConnections && slot_ < 0) slot_ = set.add(pod_.control, POLLIN);
    if (i >= kMaxConnections && facade_slot_ < 0) facade_slot_ = set.add(pod_.facade, POLLIN);
  }
}

void Control::handle(const PollSet &set) {
  const bool is_called = set.is_ready(slot_);
  const bool is_facade_called = set.is_ready(facade_slot_);
  for (Connection &connection : connections_) {
    if (!connection.socket.is_open()) continue;
    if (set.is_ready(connection.slot)) hear(connection);
    connection.slot = -1;
    if (connection.wait != Wait::request) follow_up(connection);
    const uint64_t end_ms = end_of(connection);
    if (end_ms != 0 && monotonic_ms() >= end_ms) end(connection);
  }
  if (is_called) accept();
  if (is_facade_called) receive();
}

void Control::hear(Connection &connection) {
  supervisor_.note_work();
  char buffer[kMaxRequest + 1];
  Received request;
  const sys::Result got = receive_message(connection.socket, buffer, sizeof buffer, request);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) {
    end(connection);
    return;
  }
  if (request.bytes.size > kMaxRequest) return refuse(connection, "bad-request", "larger than 4096 bytes");
  if (request.has_lost_files) return refuse(connection, "bad-request", "more than one file");
  if (!is_request(request.bytes)) return refuse(connection, "bad-request", "not words in ASCII");
  if (connection.wait != Wait::request) return refuse(connection, "bad-request", "before the last one was answered");
  set_patience(connection);
  obey(connection, request);
}

void Control::obey(Connection &connection, const Received &request) {
  Text rest = request.bytes;
  const Text verb = split(rest, ' ');
  const bool has_name = !rest.empty();
  Text name = split(rest, ' ');
  const bool has_grace = !rest.empty();
  if (request.file.is_open() != (verb == "add")) return refuse(connection, "bad-request", "a file belongs to add, and only there");
  if (verb == "list" && !has_name) return list(connection);
  if (verb == "add" && !has_name) return add(connection, request.file);
  if (verb == "grace" && has_name && !has_grace) return give(connection, name);
  if (verb == "power-off" && !has_name) return answer(connection, "ok"), supervisor_.power_off();
  if (verb == "reboot" && !has_name) return answer(connection, "ok"), supervisor_.reboot();
  if (verb == "restart" && has_name && rest.find(' ') == rest.size) return begin(connection, name, rest, true);
  if (verb == "start" && has_name && !has_grace) return begin(connection, name, {}, false);
  if (verb == "rm" && has_name && !has_grace) return remove(connection, name);
  if (verb == "stop" && has_name && rest.find(' ') == rest.size) return stop(connection, name, rest);
  if (verb == "endpoints" && has_name && !has_grace) return endpoints(connection, name);
  if (verb == "attach" && has_grace && rest.find(' ') == rest.size) return attach(connection, name, rest);
  refuse(connection, "bad-request", "neither list, start APP, stop APP [MS], restart APP [MS], rm APP, endpoints APP, attach APP ENDPOINTS, grace MS, add, power-off nor reboot");
}

void Control::list(Connection &connection) {
  constexpr size_t kLine = 300;  // check.cc keeps names shorter
  Buffer<kMaxRequest> text;
  size_t lines = 0;
  text << "more";
  for (const App &app : pod_) {
    text << '\n' << app.name << ' ' << state_of(app);
    if (++lines < kMaxRequest / kLine) continue;
    answer(connection, text.text());
    if (!connection.socket.is_open()) return;
    lines = 0;
    text.clear();
    text << "more";
  }
  if (lines != 0) answer(connection, text.text());
  if (connection.socket.is_open()) answer(connection, "ok");
}

/** The pod's own if nothing is said. Refuses what is no number. */
bool Control::read_grace(Connection &connection, Text written, uint64_t &grace_ms) {
  grace_ms = pod_.stop_grace_ms;
  if (written.empty() || (parse_decimal(written, grace_ms) && grace_ms <= kLongestGrace)) return true;
  refuse(connection, "bad-request", "not a number of milliseconds", written);
  return false;
}

/** `anew`: what runs ends first. It is not over in between, so that the pod does not end with it. */
void Control::begin(Connection &connection, Text name, Text grace, bool anew) {
  uint64_t grace_ms = 0;
  if (!read_grace(connection, grace, grace_ms)) return;
  App *const app = find(name);
  if (app == nullptr) return refuse(connection, "app-not-found", "the pod has no such app", name);
  if (supervisor_.is_stopping()) return refuse(connection, "pod-wrong-state", "the pod is being stopped");
  if (!may_wait(connection)) return refuse(connection, "control-busy", "too many wait for an app already", name);
  if (app->is_over() && !app->is_drained()) return refuse(connection, "app-wrong-state", "its last output is being delivered", name);
  if (anew) supervisor_.restart_app(*app, grace_ms);
  if (!anew && app->is_over()) supervisor_.begin_run(*app);
  wait_for(connection, Wait::start, app);
}

void Control::stop(Connection &connection, Text name, Text grace) {
  uint64_t grace_ms = 0;
  if (!read_grace(connection, grace, grace_ms)) return;
  App *const app = find(name);
  if (app == nullptr) return refuse(connection, "app-not-found", "the pod has no such app", name);
  if (!may_wait(connection)) return refuse(connection, "control-busy", "too many wait for an app already", name);
  if (grace_ms == 0) {
    if (app->has_process()) app->comes_again = false;
    supervisor_.kill_app(*app);
  } else {
    supervisor_.stop_app(*app, grace_ms);
  }
  wait_for(connection, Wait::stop, app);
}

/** Not with what stops the pod: that is systemd, which has to know first, so that Restart= has no turn. */
void Control::give(Connection &connection, Text grace) {
  uint64_t grace_ms = 0;
  if (!read_grace(connection, grace, grace_ms)) return;
  supervisor_.stop_in(grace_ms);
  answer(connection, "ok");
}

/** Has the connection wait for what was begun. */
void Control::wait_for(Connection &connection, Wait wait, App *app) {
  connection.wait = wait;
  connection.app = app;
  connection.deadline = 0;
  follow_up(connection);
}

/** Answers whoever waits for what has happened by now. */
void Control::follow_up(Connection &connection) {
  const App &app = *connection.app;
  const bool is_stop = connection.wait == Wait::stop;
  const bool is_beginning = app.comes_again || (app.stop != App::Stop::none && !app.is_over()) ||
      app.state == App::State::pre_start || app.state == App::State::starting || app.state == App::State::waiting;
  if (is_stop ? !app.is_over() || !app.is_drained() : is_beginning) return;
  connection.wait = Wait::request;
  connection.app = nullptr;
  set_patience(connection);
  if (is_stop) return answer(connection, "ok");
  if (was_not_executed(app)) {
    return refuse(connection, "app-failed", app.detail.empty() ? reason_name(app) : app.detail, app.name);
  }
  const bool was_stopped = app.is_over() && app.stop != App::Stop::none;
  if (was_stopped) return refuse(connection, "app-failed", "it was stopped before it began", app.name);
  answer(connection, "ok");
}

void Control::remove(Connection &connection, Text name) {
  App *const app = find(name);
  if (app == nullptr) return refuse(connection, "app-not-found", "the pod has no such app", name);
  if (!app->is_over() || !app->is_drained()) return refuse(connection, "app-wrong-state", "it has not ended", name);
  for (Connection &other : connections_) {
    if (other.app == app) follow_up(other);  // it has ended, so there is nothing more to wait for
  }
  audience_.forget(*app);
  const Outcome<> gone = leave_pod(pod_, *app);
  if (!gone.ok()) return refuse(connection, "io", "not all of it could be removed", gone.failure->object);
  answer(connection, "ok");
}

void Control::add(Connection &connection, const Fd &file) {
  if (supervisor_.is_stopping()) return refuse(connection, "pod-wrong-state", "the pod is being stopped");
  const Outcome<> joined = join_pod(pod_, file);
  if (joined.ok()) return answer(connection, "ok");
  refuse(connection, "plan-invalid", joined.failure->detail, joined.failure->object);
}

App *Control::find(Text name) {
  for (App &app : pod_) {
    if (app.name == name) return &app;
  }
  return nullptr;
}

void Control::answer(Connection &connection, Text text) {
  const sys::Result sent = sys::send(connection.socket.get(), text.data, text.size, kMsgDontWait | kMsgNoSignal);
  if (sys::failed(sent)) end(connection);
}

/** What was not understood ends the connection; what cannot be done does not. */
void Control::refuse(Connection &connection, Text code, Text reason, Text object) {
  Buffer<1024> text;
  text << "error " << code << ' ';
  if (!object.empty()) text << object.first(object.size < 512 ? object.size : 512) << ": ";
  text << reason;
  answer(connection, text.text());
  if (code == "bad-request" || code == "not-root") end(connection);
}

}  // namespace podctl
