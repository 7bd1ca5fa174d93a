#include "session.h"

#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "attend.h"
#include "clock.h"
#include "enter.h"
#include "files.h"
#include "kernel.h"
#include "terminal.h"

namespace podctl {
namespace {

/** How long it is waited for that a command is executed; a session goes on without being waited for. */
constexpr int64_t kPatienceMs = 10000;
/** What a session says once its command was executed; anything else is why it was not. */
constexpr Text kExecuted = "+";
constexpr size_t kMaxAnswer = 300;
/** The session's terminal, above all that the entry into an app opens and closes. */
constexpr int kTerminalPlace = 100;
/** Where it says whether its command was executed. */
constexpr int kToldPlace = 101;

/** machined's own default command, which looks for the user's shell in an /etc/passwd that apps need not have. */
bool is_default_command(const Transient &what) {
  return what.argument_count >= 3 && what.arguments[1] == "-c" && what.arguments[2].starts_with("shell=$(getent passwd");
}

/** Makes the terminal the process's own, and its standard files. */
Outcome<> take_terminal(Text path) {
  constexpr uint64_t kFlags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  const Fd file(TRY(check(sys::openat2(AT_FDCWD, path.c_str(), kFlags, 0, RESOLVE_NO_SYMLINKS), "openat2", path)));
  if (!is_terminal(file.get())) return problem("not a terminal", path);
  TRY(check(sys::ioctl(file.get(), TIOCSCTTY, nullptr), "ioctl", "TIOCSCTTY"));
  TRY(check(sys::dup3(file.get(), kTerminalPlace, O_CLOEXEC), "dup3"));
  return kDone;
}

Outcome<> place_terminal() {
  for (int fd = 0; fd <= 2; ++fd) TRY(check(sys::dup3(kTerminalPlace, fd, 0), "dup3"));
  return kDone;
}

/** The files that came, else nothing to read and the unit's journal. */
Outcome<> place_files(const int (&files)[3]) {
  const Fd null(TRY(check(sys::openat2(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0, 0), "openat2", "/dev/null")));
  const int journal = 2;
  int moved[3];
  constexpr int kAbove = 64;
  for (int i = 0; i < 3; ++i) {
    const int from = files[i] >= 0 ? files[i] : i == 0 ? null.get() : journal;
    moved[i] = static_cast<int>(TRY(check(sys::fcntl(from, F_DUPFD_CLOEXEC, kAbove), "fcntl")));
  }
  for (int i = 0; i < 3; ++i) TRY(check(sys::dup3(moved[i], i, 0), "dup3"));
  return kDone;
}

/** "TERM=…" of the environment that was asked for. */
Text term_of(const Transient &what) {
  constexpr Text kTerm = "TERM=";
  for (size_t i = 0; i < what.environment_count; ++i) {
    if (what.environment[i].starts_with(kTerm)) return what.environment[i].from(kTerm.size);
  }
  return {};
}

EnterRequest request_of(Arena &arena, const App &app, const Transient &what) {
  EnterRequest request;
  request.caller = "machine";
  request.app = app.name;
  request.term = term_of(what);
  request.environment = what.environment;
  request.environment_count = what.environment_count;
  if (!what.working_directory.empty() && what.working_directory[0] == '/') request.working_directory = what.working_directory;
  if (what.program.empty() || is_default_command(what)) return request;
  request.argument_count = what.argument_count == 0 ? 1 : what.argument_count;
  request.arguments = arena.array<Text>(request.argument_count);
  for (size_t i = 1; i < request.argument_count; ++i) request.arguments[i] = what.arguments[i];
  request.arguments[0] = what.program;
  return request;
}

/** A refusal's sentence without the name of who says it. */
Text without_prefix(Text sentence) {
  constexpr Text kOwn = "podctl: machine: ";
  return sentence.starts_with(kOwn) ? sentence.from(kOwn.size) : sentence;
}

/** A command in the app, to its end. `told` hears whether it was executed; if that is closed, the terminal does, if it was not. */
Outcome<int> attend_command(const Premises &premises, const App &app, const Transient &what, Fd &told) {
  Arena arena;
  const EnterRequest request = request_of(arena, app, what);
  Entry entry{arena, request};
  entry.has_own_users = premises.pod.users.are_own();
  entry.first = app.first;
  entry.last = app.last;
  entry.target = TRY(find_target_inside(arena, premises.directory, premises.cgroups, entry.has_own_users, *app.first));
  const Born born = TRY(send_command(entry));
  char buffer[2048];
  const Text report = read_report(entry, buffer, sizeof buffer);
  const bool is_executed = report.empty() && born.pid != 0;
  Buffer<sizeof buffer + 256> why;
  if (!is_executed && request.argument_count == 0) why << "app " << app.name << " has no shell that could be executed (podctl enter and machinectl shell take other commands): ";
  why << (report.empty() ? Text("the app is not running") : without_prefix(report));
  const Text text = is_executed ? kExecuted : why.text();
  if (told.is_open() || !is_executed) write_all(told.is_open() ? told.get() : 1, text);
  told.close();
  const int status = born.pid == 0 ? kOwnFailure : TRY(attend(entry, born));
  arena.release();
  return status;
}

/** Asks for an app until there is one, or nobody at the terminal. */
const App *ask_for_app(const Premises &premises) {
  for (;;) {
    Buffer<2048> prompt;
    prompt << "\r\npod " << premises.pod.uuid << ", apps:";
    for (const App &app : premises.pod) prompt << ' ' << app.name;
    prompt << "\r\napp: ";
    write_all(1, prompt.text());
    char line[kMaxAnswer];
    const sys::Result got = sys::read(0, line, sizeof line);
    if (got <= 0) return nullptr;
    const Text all(line, static_cast<size_t>(got));
    const Text name = all.first(all.find('\n'));
    const App *const app = name.empty() ? premises.pod.apps : find_app(premises.pod, name);
    if (app != nullptr) return app;
    write_all(1, "the pod has no such app\r\n");
  }
}

/** As a getty: asks who is to come in, and asks again when that is over, for as long as the terminal is there. */
Outcome<int> attend_login(const Premises &premises, const Transient &what) {
  for (;;) {
    TRY(place_terminal());
    const App *const app = ask_for_app(premises);
    if (app == nullptr) return 0;
    Fd nobody;
    const Outcome<int> done = attend_command(premises, *app, what, nobody);
    TRY(place_terminal());
    if (done.ok()) continue;
    Buffer<512> line;
    line << "podctl: " << done.failure->detail << "\r\n";
    write_all(1, line.text());
  }
}

/** Leaves, of all that the process has open, the standard files, the terminal, `told` and the premises. */
Outcome<> close_the_rest(const Premises &premises, Fd &told) {
  const int kept[] = {premises.directory, premises.statuses, premises.cgroups, kTerminalPlace, kToldPlace};
  TRY(check(sys::dup3(told.get(), kToldPlace, O_CLOEXEC), "dup3"));
  told = Fd(kToldPlace);
  int next = 3;
  for (const int file : kept) {  // in ascending order
    if (file > next) TRY(check(sys::close_range(static_cast<unsigned>(next), static_cast<unsigned>(file) - 1, 0), "close_range"));
    next = file + 1;
  }
  TRY(check(sys::close_range(static_cast<unsigned>(next), ~0U, 0), "close_range"));
  return kDone;
}

Outcome<int> run_session(const Premises &premises, const Session &session, Fd &told) {
  TRY(check(sys::setsid(), "setsid"));
  if (session.what->terminal.empty()) {
    TRY(place_files(session.files));
  } else {
    TRY(take_terminal(session.what->terminal));
    TRY(place_terminal());
  }
  TRY(close_the_rest(premises, told));
  block_signals();
  if (session.app != nullptr) return attend_command(premises, *session.app, *session.what, told);
  write_all(told.get(), kExecuted);
  told.close();
  return attend_login(premises, *session.what);
}

/** What the session says of its command. */
Outcome<> await_executed(const Fd &told) {
  char buffer[2048];
  pollfd poll{told.get(), POLLIN, 0};
  constexpr sys::Time kTimeout{kPatienceMs / 1000, 0};
  if (sys::ppoll(&poll, 1, &kTimeout) == 0) return kDone;
  const Outcome<Text> text = read_text(told.get(), buffer, sizeof buffer);
  if (!text.ok()) return text.failure;
  if (text.value == kExecuted) return kDone;
  const Text sentence = without_prefix(text.value.first(text.value.find('\n')));
  static char kept[sizeof buffer];
  __builtin_memcpy(kept, sentence.data, sentence.size);
  return problem(sentence.empty() ? Text("the session ended before it began") : Text(kept, sentence.size));
}

}  // namespace

Outcome<> start_session(const Premises &premises, const Session &session) {
  Fd told_in;
  Fd told_out;
  TRY(make_pipe(told_in, told_out));
  clone_args args{};
  args.flags = CLONE_PARENT;  // the init's, which reaps it: it may outlive its caller
  const long pid = TRY(check(sys::clone3(args), "clone3", "session"));
  if (pid == 0) {
    told_in.close();
    const Outcome<int> ran = run_session(premises, session, told_out);
    if (ran.ok()) sys::exit_group(ran.value);
    Buffer<2048> line;
    put_refusal(line, "machine", *ran.failure);
    if (told_out.is_open()) write_all(told_out.get(), line.text());
    sys::exit_group(kOwnFailure);
  }
  told_out.close();
  return await_executed(told_in);
}

}  // namespace podctl
