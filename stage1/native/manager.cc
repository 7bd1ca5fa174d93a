// What the bus façade answers: the few methods of the bus and of systemd that machined and systemctl call.
#include <linux/fcntl.h>

#include "caller.h"
#include "files.h"
#include "kernel.h"
#include "session.h"

namespace podctl {
namespace {

constexpr Text kBus = "org.freedesktop.DBus";
constexpr Text kPeer = "org.freedesktop.DBus.Peer";
constexpr Text kProperties = "org.freedesktop.DBus.Properties";
constexpr Text kManager = "org.freedesktop.systemd1.Manager";
constexpr Text kNotSupported = "org.freedesktop.DBus.Error.NotSupported";
constexpr Text kLimits = "org.freedesktop.DBus.Error.LimitsExceeded";
constexpr Text kFailed = "org.freedesktop.DBus.Error.Failed";

constexpr uint32_t kMaxSessions = 16;

bool is_one_of(Text text, const Text *known, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (known[i] == text) return true;
  }
  return false;
}

/** "container-getty@3.service": the number; else nothing. */
Text terminal_of_login(Text unit) {
  constexpr Text kPrefix = "container-getty@";
  constexpr Text kSuffix = ".service";
  uint64_t number = 0;
  if (!unit.starts_with(kPrefix) || unit.size < kPrefix.size + kSuffix.size) return {};
  const Text digits = unit.from(kPrefix.size).first(unit.size - kPrefix.size - kSuffix.size);
  return unit.from(unit.size - kSuffix.size) == kSuffix && digits.size < 8 && parse_decimal(digits, number) ? digits : Text();
}

/** The sentence that a failure is, for the caller. */
Text sentence_of(Arena &arena, const Failure &failure) {
  Buffer<2048> text;
  if (!failure.object.empty()) text << failure.object << ": ";
  text << failure.detail;
  if (failure.error != 0) text << (failure.detail.empty() ? "" : ": ") << failure.syscall << ": " << error_name(failure.error);
  return arena.copy(text.text());
}

}  // namespace

void Caller::answer(const BusMessage &call, Text signature) {
  if (body_.overflowed()) return refuse(call, kLimits, "the answer would be too large");
  BusHeader header;
  header.reply_to = call.serial;
  header.signature = signature;
  if (call.wants_answer) send(header);
}

void Caller::answer_text(const BusMessage &call, Text signature, Text text) {
  body_.clear();
  body_.string(text);
  answer(call, signature);
}

void Caller::refuse(const BusMessage &call, Text error, Text reason, Text object) {
  Buffer<1024> text;
  if (!object.empty()) text << object.first(object.size < 256 ? object.size : 256) << ": ";
  text << reason.first(reason.size < 600 ? reason.size : 600);
  body_.clear();
  body_.string(text.text());
  BusHeader header;
  header.type = BusType::error;
  header.reply_to = call.serial;
  header.error_name = error;
  header.signature = "s";
  if (call.wants_answer) send(header);
}

void Caller::obey(const BusMessage &call) {
  body_.clear();
  if (call.interface == kBus) return obey_bus(call);
  if (is_of_logins(call)) return obey_logins(call);
  if (call.interface == kProperties) return obey_properties(call);
  if (call.interface == kManager) return obey_manager(call);
  if (call.interface == kPeer && call.member == "Ping") return answer(call, "");
  refuse(call, kUnknownMethod, "the pod's bus has no such interface", call.interface);
}

void Caller::obey_bus(const BusMessage &call) {
  constexpr Text kDone[] = {"AddMatch", "RemoveMatch"};
  if (call.member == "Hello") return answer_text(call, "s", ":1.1");
  if (is_one_of(call.member, kDone, 2)) return answer(call, "");
  if (call.member == "GetNameOwner") return answer_text(call, "s", ":1.0");
  if (call.member == "GetId") return answer_text(call, "s", premises_.pod.uuid);
  refuse(call, kUnknownMethod, "the pod's bus has no such method", call.member);
}

void Caller::obey_manager(const BusMessage &call) {
  constexpr Text kLists[] = {"ListUnits", "ListUnitsFiltered", "ListUnitsByPatterns", "ListUnitsByNames"};
  constexpr Text kFileLists[] = {"ListUnitFiles", "ListUnitFilesByPatterns"};
  constexpr Text kChanges[] = {"StartUnit", "StopUnit", "RestartUnit", "TryRestartUnit", "ReloadOrRestartUnit", "ReloadOrTryRestartUnit"};
  constexpr Text kNothing[] = {"Subscribe", "Unsubscribe", "ResetFailed", "ResetFailedUnit"};
  if (is_one_of(call.member, kLists, 4)) return list_units(call);
  if (is_one_of(call.member, kFileLists, 2)) return list_files(call);
  if (is_one_of(call.member, kChanges, 6)) return change_unit(call);
  if (is_one_of(call.member, kNothing, 4)) return answer(call, "");
  if (call.member == "LoadUnit") return find_unit(call, false);
  if (call.member == "GetUnit") return find_unit(call, true);
  if (call.member == "KillUnit") return kill_unit(call);
  if (call.member == "GetUnitProcesses") return list_processes(call);
  if (call.member == "StartTransientUnit") return start_transient(call);
  if (call.member == "PowerOff" || call.member == "Halt" || call.member == "Exit") return end_pod(call, "power-off");
  if (call.member == "Reboot") return end_pod(call, "reboot");
  if (call.member == "GetUnitFileState") return answer_text(call, "s", "transient");
  if (call.member == "ListJobs") {
    body_.close_array(body_.open_array(8));
    return answer(call, "a(usssoo)");
  }
  // What newer systemctls call they do otherwise if there is no such method.
  refuse(call, kUnknownMethod, "a pod's apps can be listed, shown, started, stopped, restarted and killed, nothing else", call.member);
}

void Caller::change_unit(const BusMessage &call) {
  BusReader in(call.body);
  const Text name = in.string();
  if (!in.ok() || call.signature != "ss") return refuse(call, kInvalidArguments, "not a unit and a mode");
  const bool starts = call.member == "StartUnit";
  const Text terminal = terminal_of_login(name);
  if (starts && !terminal.empty()) return log_in(call, terminal);
  if (starts && (name == "poweroff.target" || name == "halt.target" || name == "exit.target")) return end_pod(call, "power-off");
  if (starts && name == "reboot.target") return end_pod(call, "reboot");
  const Unit unit = look_at(arena_, premises_, name);
  if (unit.app == nullptr) return refuse(call, kNoSuchUnit, "the pod has no such app", name);
  const bool is_conditional = call.member == "TryRestartUnit" || call.member == "ReloadOrTryRestartUnit";
  if (is_conditional && unit.active != "active") return add_job(call, name, "");
  Buffer<kMaxUnitName> words;
  words << (starts ? "start " : call.member == "StopUnit" ? "stop " : "restart ") << unit.app->name;
  add_job(call, name, words.text());
}

void Caller::add_job(const BusMessage &call, Text unit, Text words) {
  if (job_count_ == kMaxJobs) return refuse(call, kLimits, "too many jobs at a time");
  Job job;
  job.id = ++last_job_;
  job.unit = arena_.copy(unit);
  job.words = arena_.copy(words);
  Buffer<64> path;
  path << kManagerPath << "/job/" << job.id;
  answer_text(call, "o", path.text());
  if (words.empty()) return note_end(job, true);
  jobs_[job_count_++] = job;
  if (job_count_ == 1) ask_init();
}

void Caller::note_end(const Job &job, bool is_done) {
  Buffer<64> path;
  path << kManagerPath << "/job/" << job.id;
  body_.clear();
  body_.number(job.id);
  body_.string(path.text());
  body_.string(job.unit);
  body_.string(is_done ? "done" : "failed");
  BusHeader header;
  header.type = BusType::signal;
  header.path = kManagerPath;
  header.interface = kManager;
  header.member = "JobRemoved";
  header.signature = "uoss";
  send(header);
}

void Caller::end_pod(const BusMessage &call, Text verb) {
  if (call.member == "StartUnit") return add_job(call, verb, verb);
  answer(call, "");
  BusMessage silent = call;
  silent.wants_answer = false;
  add_job(silent, verb, verb);
}

void Caller::kill_unit(const BusMessage &call) {
  BusReader in(call.body);
  const Unit unit = look_at(arena_, premises_, in.string());
  const Text whom = in.string();
  const uint32_t signal = in.number();
  if (!in.ok() || call.signature != "ssi" || signal == 0 || signal > kLastSignal) return refuse(call, kInvalidArguments, "not a unit and a signal");
  if (unit.app == nullptr) return refuse(call, kNoSuchUnit, "the pod has no such app", unit.name);
  if (unit.pid == 0) return refuse(call, "org.freedesktop.systemd1.NoSuchProcess", "the app is not running", unit.name);
  Text rest = processes_of(*unit.app);
  while (!rest.empty()) {
    uint64_t pid = 0;
    const bool is_main_only = whom == "main" || whom == "main-fail";
    if (!parse_decimal(split(rest, '\n'), pid) || pid == 0 || (is_main_only && pid != unit.pid)) continue;
    // ignored: it has ended meanwhile
    static_cast<void>(sys::kill(static_cast<long>(pid), static_cast<int>(signal)));
  }
  answer(call, "");
}

void Caller::start_transient(const BusMessage &call) {
  const Outcome<Transient> read = read_transient(arena_, call.body);
  if (!read.ok()) return refuse(call, kInvalidArguments, read.failure->detail, read.failure->object);
  const Transient &what = read.value;
  // What asks for other units waits for them, and wants to know how they end.
  if (!what.unit.starts_with("container-shell@")) {
    return refuse(call, kNotSupported, "of transient units, a pod knows those of machinectl shell only (podctl enter runs other commands)", what.unit);
  }
  Session session;
  session.what = &what;
  const bool is_any = what.user.empty() || what.user == "root";
  for (const App &app : premises_.pod) {
    const bool is_running = look_at(arena_, premises_, unit_of(arena_, app.name)).active == "active";
    if (app.name == what.user || (is_any && session.app == nullptr && is_running)) session.app = &app;
  }
  if (session.app == nullptr && is_any) return refuse(call, kFailed, "no app of the pod is running");
  if (session.app == nullptr) {
    return refuse(call, kFailed, "the pod has no app of this name (before the @ stands an app, not a user)", what.user);
  }
  for (int i = 0; i < 3; ++i) {
    if (what.files[i] >= static_cast<int>(call.files)) return refuse(call, kInvalidArguments, "no such file came along");
    session.files[i] = what.files[i] < 0 ? -1 : files_[what.files[i]].get();
  }
  if (sessions_ >= kMaxSessions) return refuse(call, kLimits, "too many sessions of one connection");
  ++sessions_;
  const Outcome<> started = start_session(premises_, session);
  if (!started.ok()) return refuse(call, kFailed, sentence_of(arena_, *started.failure));
  add_job(call, what.unit, "");
}

void Caller::log_in(const BusMessage &call, Text number) {
  Buffer<64> terminal;
  terminal << "/dev/pts/" << number;
  Transient what;
  what.terminal = arena_.copy(terminal.text());
  Session session;
  session.what = &what;
  if (sessions_ >= kMaxSessions) return refuse(call, kLimits, "too many sessions of one connection");
  ++sessions_;
  const Outcome<> started = start_session(premises_, session);
  if (!started.ok()) return refuse(call, kFailed, sentence_of(arena_, *started.failure));
  add_job(call, "container-getty", "");
}

}  // namespace podctl
