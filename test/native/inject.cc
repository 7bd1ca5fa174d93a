// inject LOG ROLE SYSCALL N ERRNO PROGRAM [ARG…]: runs a program and makes the N-th call of one system call fail in one of its
// processes, or none if N is 0. Roles count processes in the order in which they are made: 0 is the program itself. LOG gets a
// line "ROLE SYSCALL" for every call until a process executes an app's program. Exits as the program does.
//
// strace(1) counts calls per process and cannot choose one: what the first process calls would shadow the others' calls.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>

namespace {

struct Tracee {
  int role = 0;
  bool inside = false;
  bool fails = false;
  /** It runs a program of its own: no set-up any more. */
  bool is_over = false;
};

struct Wanted {
  int role;
  long call;
  long n;
  long error;
};

[[noreturn]] void give_up(const char *what) {
  perror(what);
  exit(125);
}

void must(long result, const char *what) {
  if (result < 0 && errno != ESRCH) give_up(what);
}

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                          PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

/** The first two programs are the executor, which executes itself once more to seal itself. */
constexpr int kOwnExecs = 2;

/** Programs until the set-up is over: INJECT_PROGRAMS of apps may come before, 0 by default. */
int execs_of_set_up() {
  const char *const programs = getenv("INJECT_PROGRAMS");
  return kOwnExecs + (programs == nullptr ? 0 : atoi(programs));
}

class Tracer {
 public:
  Tracer(FILE *log, Wanted wanted) : log_(log), wanted_(wanted) {}

  int run(pid_t main) {
    int status;
    if (waitpid(main, &status, 0) != main) give_up("waitpid");
    must(ptrace(PTRACE_SETOPTIONS, main, 0, kOptions), "PTRACE_SETOPTIONS");
    tracees_[main] = Tracee{roles_++};
    must(ptrace(PTRACE_SYSCALL, main, 0, 0), "PTRACE_SYSCALL");
    int main_status = 125;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
      if (WIFSTOPPED(status)) {
        handle_stop(pid, status);
      } else {
        if (pid == main) main_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        tracees_.erase(pid);
      }
    }
    return main_status;
  }

 private:
  void handle_stop(pid_t pid, int status) {
    // A process may show itself before the event of its making. What comes after the first exec of an app is the app's.
    if (tracees_.count(pid) == 0) {
      Tracee made{roles_++};
      made.is_over = execs_ > execs_of_set_up();
      tracees_[pid] = made;
    }
    Tracee &tracee = tracees_[pid];
    const int signal = WSTOPSIG(status);
    long deliver = 0;
    if (signal == (SIGTRAP | 0x80)) {
      handle_call(pid, tracee);
    } else if (signal == SIGTRAP && status >> 16 == PTRACE_EVENT_EXEC) {
      if (++execs_ > kOwnExecs) tracee.is_over = true;
    } else if (status >> 16 == 0 && signal != SIGSTOP) {
      deliver = signal;
    }
    must(ptrace(PTRACE_SYSCALL, pid, 0, deliver), "PTRACE_SYSCALL");
  }

  void handle_call(pid_t pid, Tracee &tracee) {
    user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, 0, &registers) < 0) return;  // killed meanwhile
    tracee.inside = !tracee.inside;
    if (tracee.inside && !tracee.is_over) {
      const auto call = static_cast<long>(registers.orig_rax);
      fprintf(log_, "%d %ld\n", tracee.role, call);
      if (tracee.role == wanted_.role && call == wanted_.call && ++seen_ == wanted_.n) {
        tracee.fails = true;
        registers.orig_rax = static_cast<unsigned long long>(-1);
        must(ptrace(PTRACE_SETREGS, pid, 0, &registers), "PTRACE_SETREGS");
      }
    } else if (tracee.fails) {
      tracee.fails = false;
      registers.rax = static_cast<unsigned long long>(-wanted_.error);
      must(ptrace(PTRACE_SETREGS, pid, 0, &registers), "PTRACE_SETREGS");
    }
  }

  FILE *log_;
  Wanted wanted_;
  long seen_ = 0;
  int roles_ = 0;
  int execs_ = 0;
  std::map<pid_t, Tracee> tracees_;
};

}  // namespace

int main(int argc, char **argv) {
  if (argc < 7) {
    fputs("usage: inject LOG ROLE SYSCALL N ERRNO PROGRAM [ARG…]\n", stderr);
    return 125;
  }
  FILE *const log = fopen(argv[1], "we");
  if (log == nullptr) give_up(argv[1]);
  const Wanted wanted{atoi(argv[2]), atol(argv[3]), atol(argv[4]), atol(argv[5])};
  const pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    must(ptrace(PTRACE_TRACEME, 0, 0, 0), "PTRACE_TRACEME");
    raise(SIGSTOP);
    execv(argv[6], argv + 6);
    give_up(argv[6]);
  }
  const int status = Tracer(log, wanted).run(pid);
  if (fclose(log) != 0) give_up(argv[1]);
  return status;
}
