#include "guide.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>

#include "command.h"
#include "files.h"
#include "kernel.h"
#include "limits.h"
#include "terminal.h"

namespace podctl {
namespace {

constexpr int kJoinSessionKeyring = 1;  // KEYCTL_JOIN_SESSION_KEYRING
constexpr int kLimits = 16;        // RLIM_NLIMITS

/** What a process has of whoever started it is the pod's, as far as it is not the app's: limits, and no keys. */
Outcome<> forget_caller(const Entry &entry) {
  for (int resource = 0; resource < kLimits; ++resource) {
    rlimit64 limit{};
    rlimit64 own{};
    TRY(check(sys::prlimit64(entry.target.init_pid, resource, nullptr, &limit), "prlimit64"));
    TRY(check(sys::prlimit64(0, resource, nullptr, &own), "prlimit64"));
    if (sys::prlimit64(0, resource, &limit, nullptr) != -EPERM) continue;
    // Without CAP_SYS_RESOURCE the caller's own hard limit is the most.
    if (limit.rlim_max > own.rlim_max) limit.rlim_max = own.rlim_max;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    TRY(check(sys::prlimit64(0, resource, &limit, nullptr), "prlimit64"));
  }
  const sys::Result joined = sys::keyctl(kJoinSessionKeyring, 0);
  if (joined != -ENOSYS) TRY(check(joined, "keyctl", "session keyring"));
  Buffer<64> path;
  path << "/proc/" << static_cast<int64_t>(entry.target.init_pid) << "/oom_score_adj";
  char buffer[16];
  const Outcome<Text> score = read_file(AT_FDCWD, path.text(), buffer, sizeof buffer);
  if (!score.ok()) return Failure{score.failure->syscall, score.failure->error, "oom_score_adj"};
  const Outcome<> set = write_file(AT_FDCWD, "/proc/self/oom_score_adj", score.value);
  // Lowering it needs CAP_SYS_RESOURCE as well: then the command is the likelier victim, which harms nobody else.
  if (!set.ok() && set.failure->error != EACCES && set.failure->error != EPERM) return set.failure;
  return kDone;
}

/** A process lets go of its namespaces a moment before its pidfd tells that it has ended. */
Outcome<> join(const Fd &process, unsigned long kinds, Text object) {
  const sys::Result joined = sys::setns(process.get(), kinds);
  if (joined == -ESRCH) return app_is_over();
  TRY(check(joined, "setns", object));
  return kDone;
}

/** Users come last: up to then everything is done with the host's privileges, and whatever follows with the pod's. */
Outcome<> join_namespaces(const Entry &entry) {
  constexpr unsigned long kPod = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWPID;
  constexpr unsigned long kApp = CLONE_NEWNS | CLONE_NEWCGROUP;
  if (entry.target.init.is_open()) TRY(join(entry.target.init, kPod, "the pod's namespaces"));
  TRY(join(entry.target.process, kApp, "the app's namespaces"));
  if (!entry.has_own_users) return kDone;
  TRY(join(entry.target.process, CLONE_NEWUSER, "the pod's users"));
  TRY(check(sys::setresgid(0, 0, 0), "setresgid"));
  TRY(check(sys::setresuid(0, 0, 0), "setresuid"));
  return kDone;
}

/** `reads`: the command reads from it. The relay's end does not block; the command's belongs to it, so that it can reopen it. */
Outcome<> make_stream(Born &born, int index, bool reads, const Identity &identity) {
  int ends[2];
  TRY(check(sys::pipe2(ends, O_CLOEXEC), "pipe2"));
  born.theirs[index] = ends[reads ? 0 : 1];
  born.ours[index] = ends[reads ? 1 : 0];
  TRY(check(sys::fcntl(born.ours[index], F_SETFL, O_NONBLOCK), "fcntl"));
  TRY(check(sys::fchown(born.theirs[index], identity.uid, identity.gid), "fchown", "pipe"));
  return kDone;
}

/** Nothing of the caller's is given to the command, not even its pipes: a file can be opened anew, with more rights. */
Outcome<> make_files(const Entry &entry, const Identity &identity, Born &born) {
  if (entry.has_terminal) {
    TerminalPair pair = TRY(open_terminal(is_terminal(0) ? 0 : 1, identity.uid));
    born.ours[0] = pair.master.release();
    born.theirs[0] = pair.slave.release();
  } else {
    TRY(make_stream(born, 0, true, identity));
    TRY(make_stream(born, 1, false, identity));
  }
  if (!entry.is_stderr_merged) TRY(make_stream(born, 2, false, identity));
  return kDone;
}

/** Only the command's files are left, at their places. */
Outcome<> close_the_rest(const Entry &entry, const Born &born) {
  TRY(check(sys::unshare(CLONE_FILES), "unshare", "open files"));
  const int out = entry.has_terminal ? born.theirs[0] : born.theirs[1];
  const int sources[kCommandFiles] = {born.theirs[0], out, entry.is_stderr_merged ? out : born.theirs[2],
                                      entry.report_out.get(), entry.born_out.get(), entry.lifeline_in.get()};
  constexpr int kAbove = 64;  // so that no dup3 overwrites a file that is still to be moved
  int moved[kCommandFiles];
  for (int i = 0; i < kCommandFiles; ++i) {
    moved[i] = static_cast<int>(TRY(check(sys::fcntl(sources[i], F_DUPFD_CLOEXEC, kAbove), "fcntl")));
  }
  for (int i = 0; i < kCommandFiles; ++i) TRY(check(sys::dup3(moved[i], i, i <= 2 ? 0 : O_CLOEXEC), "dup3"));
  TRY(check(sys::close_range(kCommandFiles, ~0U, 0), "close_range"));
  return kDone;
}

/** `is_at_home`: the guide was born in the app's cgroup. */
Outcome<> guide(Entry &entry, bool is_at_home, int &report) {
  TRY(check(sys::prctl(PR_SET_PDEATHSIG, kSignalKill), "prctl", "PR_SET_PDEATHSIG"));
  if (!is_at_home) TRY(write_file(entry.target.cgroup.get(), "cgroup.procs", "0"));
  // The init kills the whole cgroup, and so the guide and the command, but only after this process has ended.
  if (!is_alive(entry.target.process)) return app_is_over();
  const Identity identity = identity_of(entry);
  TRY(forget_caller(entry));
  TRY(limit_process(identity));
  TRY(join_namespaces(entry));
  Born born;
  TRY(make_files(entry, identity, born));
  TRY(close_the_rest(entry, born));
  report = kReportPlace;
  clone_args args{};
  args.flags = CLONE_PARENT;  // the relay's child, which waits for it
  born.pid = TRY(check(sys::clone3(args), "clone3", "command"));
  if (born.pid == 0) run_command(entry, identity);
  write_all(kBornPlace, Text(reinterpret_cast<const char *>(&born), sizeof born));
  return kDone;
}

[[noreturn]] void run_guide(Entry &entry, bool is_at_home) {
  int report = entry.report_out.get();
  const Outcome<> guided = guide(entry, is_at_home, report);
  if (guided.ok()) sys::exit_group(0);
  report_refusal(report, entry, *guided.failure);
  sys::exit_group(kOwnFailure);
}

/** True if the guide was killed before it could say anything. */
Outcome<bool> try_guide(Entry &entry, bool is_at_home, Born &born) {
  TRY(make_pipe(entry.born_in, entry.born_out));
  clone_args args{};
  // With shared files, what the guide opens inside is in the relay's hands at once.
  args.flags = CLONE_FILES | (is_at_home ? CLONE_INTO_CGROUP : 0);
  args.exit_signal = kSignalChild;
  args.cgroup = is_at_home ? static_cast<uint64_t>(entry.target.cgroup.get()) : 0;
  const long pid = TRY(check(sys::clone3(args), "clone3", "guide"));
  if (pid == 0) run_guide(entry, is_at_home);
  int status = 0;
  TRY(check(sys::wait4(pid, &status, 0), "wait4", "guide"));
  entry.born_out.close();
  const Outcome<Text> message = read_text(entry.born_in.get(), reinterpret_cast<char *>(&born), sizeof born);
  entry.born_in.close();
  if (!message.ok()) return message.failure;
  if (message.value.size != sizeof born) born = Born{};
  return status == kSignalKill;
}

}  // namespace

Outcome<Born> send_guide(Entry &entry) {
  Born born;
  const bool was_killed = TRY(try_guide(entry, true, born));
  // A cgroup that cgroup.kill was used on kills what is born in it, from Linux 6.14 on; what moves there lives.
  if (was_killed && born.pid == 0) TRY(try_guide(entry, false, born));
  return born;
}

}  // namespace podctl
