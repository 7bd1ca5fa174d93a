#include "enter.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>

#include "attend.h"
#include "files.h"
#include "guide.h"
#include "kernel.h"
#include "report.h"
#include "terminal.h"

namespace podctl {
namespace {

constexpr Text kUsage =
    "usage: podctl-stage1 enter POD_DIRECTORY APP [--privileged] [--tty | --no-tty] [--working-dir DIR] [--term KIND] "
    "[--as COMMAND] -- [COMMAND [ARGUMENT...]]\n";

/** Reads the words in front of `--`; false if they are not understood. */
bool read_words(Arena &arena, int count, const char *const words[], EnterRequest &request) {
  if (count < 3) return false;
  request.pod = words[0];
  request.app = words[1];
  request.arguments = arena.array<Text>(static_cast<size_t>(count));
  int i = 2;
  for (; i < count && Text(words[i]) != "--"; ++i) {
    const Text word(words[i]);
    if (word == "--privileged") {
      request.is_privileged = true;
    } else if (word == "--tty") {
      request.terminal = EnterRequest::Terminal::always;
    } else if (word == "--no-tty") {
      request.terminal = EnterRequest::Terminal::never;
    } else if (++i == count) {
      return false;
    } else if (word == "--working-dir") {
      request.working_directory = words[i];
    } else if (word == "--term") {
      request.term = words[i];
    } else if (word == "--as") {
      request.caller = words[i];
    } else {
      return false;
    }
  }
  if (i == count) return false;
  for (++i; i < count; ++i) request.arguments[request.argument_count++] = words[i];
  return true;
}

/** What the app has joined the running pod with; without, the plan that the pod was started with. */
Outcome<Plan> find_plan(Entry &entry) {
  Arena &arena = entry.arena;
  Buffer<4096> path;
  path << entry.request.pod << "/apps/" << entry.request.app << "/fragment";
  const Outcome<Text> fragment = read_plan(arena, path.c_str());
  if (!fragment.ok() && fragment.failure->error != ENOENT) return fragment.failure;
  if (!fragment.ok()) {
    path.clear();
    path << entry.request.pod << "/plan";
  }
  const Plan plan = TRY(decode_plan(arena, fragment.ok() ? fragment.value : TRY(read_plan(arena, path.c_str()))));
  TRY(fragment.ok() ? check_fragment(plan) : check_plan(plan));
  return plan;
}

/** Finds the app's section. */
Outcome<Plan> find_section(Entry &entry) {
  const Plan plan = TRY(find_plan(entry));
  for (const Op &op : plan) {
    entry.has_own_users |= op.kind == OpKind::user_namespace;
    if (op.kind == OpKind::app && op[0] == entry.request.app) entry.first = &op;
    if (op.kind == OpKind::exec && entry.first != nullptr && entry.last == nullptr) entry.last = &op + 1;
  }
  if (entry.first != nullptr) return plan;
  Failure missing = problem("the pod has no such app");
  missing.operation = "app-not-found";
  return missing;
}

/** Lower numbers than these would be taken for the caller's files. */
Outcome<> fill_standard_files() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (sys::fcntl(fd, F_GETFD, 0) != -EBADF) continue;
    TRY(check(sys::openat2(AT_FDCWD, "/dev/null", O_RDWR, 0, 0), "openat2", "/dev/null"));
  }
  return kDone;
}

void choose_terminal(Entry &entry) {
  const bool is_between_terminals = is_terminal(0) && is_terminal(1) && is_in_foreground(0);
  const EnterRequest::Terminal wish = entry.request.terminal;
  entry.has_terminal = wish == EnterRequest::Terminal::always ||
                       (wish == EnterRequest::Terminal::automatic && is_between_terminals);
  entry.is_stderr_merged = entry.has_terminal && is_terminal(2);
}

Outcome<int> perform_entry(Entry &entry) {
  TRY(fill_standard_files());
  TRY(find_section(entry));
  entry.target = TRY(find_target(entry.arena, entry.request.pod, entry.has_own_users, *entry.first));
  const Outcome<Born> sent = send_command(entry);
  // Its cgroup goes with an app that ends at this moment.
  if (!sent.ok()) return is_alive(entry.target.process) ? *sent.failure : app_is_over();
  const Born born = sent.value;
  const int status = born.pid == 0 ? kOwnFailure : TRY(attend(entry, born));
  char buffer[4096];
  const Text report = read_report(entry, buffer, sizeof buffer);
  if (report.empty() && born.pid != 0) return status;
  if (born.pid == 0 && !is_alive(entry.target.process)) return app_is_over();
  if (report.empty()) return problem("killed on the way into the app");
  write_all(2, report);
  return kOwnFailure;
}

}  // namespace

Outcome<Born> send_command(Entry &entry) {
  choose_terminal(entry);
  TRY(make_pipe(entry.report_in, entry.report_out));
  TRY(make_pipe(entry.lifeline_in, entry.lifeline_out));
  const Born born = TRY(send_guide(entry));
  // The command of the guide has its own copy by now, and this one's end would never come.
  entry.lifeline_in.close();
  return born;
}

Text read_report(Entry &entry, char *buffer, size_t capacity) {
  entry.report_out.close();
  const Outcome<Text> report = read_text(entry.report_in.get(), buffer, capacity);
  return report.ok() ? report.value : Text();
}

void put_refusal(Writer &out, Text caller, const Failure &failure) {
  constexpr Text kCodes[] = {"pod-wrong-state", "app-not-found", "app-not-running", "exec-failed"};
  Text code = failure.operation == "plan" ? "plan-invalid" : "enter-failed";
  for (const Text known : kCodes) {
    if (failure.operation == known) code = known;
  }
  Failure rest = failure;
  if (failure.operation == code) rest.operation = {};
  out << "podctl: " << caller << ": " << code << ": ";
  put_sentence(out, rest);
  out << '\n';
}

int enter(int count, const char *const words[]) {
  block_signals();
  static_cast<void>(sys::prctl(PR_SET_DUMPABLE, 0));  // ignored: cannot fail
  Arena arena;
  EnterRequest request;
  if (!read_words(arena, count, words, request)) {
    write_all(2, kUsage);
    return kOwnFailure;
  }
  Entry entry{arena, request};
  const Outcome<int> done = perform_entry(entry);
  if (done.ok()) return done.value;
  done.failure->app = request.app;
  Buffer<2048> line;
  put_refusal(line, request.caller, *done.failure);
  write_all(2, line.text());
  return kOwnFailure;
}

}  // namespace podctl
