// enter PID COMMAND ARGUMENT…: runs a command in all namespaces of a container host's init.
//
// nsenter(1) loses what `host exec` promises: it does not pass signals on to the command, leaves it outside of the
// host's cgroups, and gives it a terminal that has no name inside. Two processes:
//   parent   stays outside; passes signals (and the terminal's bytes) on, ends with the command's status
//   child    is born in the host's PID namespace and cgroup, enters the others, becomes the command
// Exit status: the command's, 128+n if signal n killed it, 127 not found, 126 not executable, 125 never got there.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <initializer_list>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "terminal.h"

namespace {

// ---- The child ----------------------------------------------------------------------------------------------------

// A child in the host's PID namespace (the caller has set it) and in its cgroup /host-exec. CLONE_INTO_CGROUP, because
// moving a process between cgroups waits for an RCU grace period (several ms).
pid_t spawn(const char* pid) {
  char path[80];
  snprintf(path, sizeof path, "/proc/%s/root/sys/fs/cgroup/host-exec", pid);
  if (mkdir(path, 0755) != 0 && errno != EEXIST) die(kNeverStarted, "mkdir", path);
  int cgroup = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0) die(kNeverStarted, "open", path);
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<__u64>(cgroup);
  auto child = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
  if (child < 0) die(kNeverStarted, "clone into", path);
  if (child > 0) close(cgroup);
  return child;
}

[[noreturn]] void become(int init, const Terminal& terminal, char** command, const sigset_t& signals) {
  // The killed caller's command is told to end; it would otherwise live on unseen.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  char* directory = getcwd(nullptr, 0);
  if (setns(init, CLONE_NEWCGROUP | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) != 0)
    die(kNeverStarted, "enter", "the host's namespaces");
  // A directory of the machine may not exist inside.
  if (directory == nullptr || chdir(directory) != 0) {
    if (chdir("/") != 0) die(kNeverStarted, "chdir", "/");
    setenv("PWD", "/", 1);
  }
  if (terminal.slave >= 0) {
    if (setsid() < 0 || ioctl(terminal.slave, TIOCSCTTY, 0) != 0) die(kNeverStarted, "take", "the terminal");
    for (int fd = 0; fd <= 2; fd++)
      if (isatty(fd)) dup2(terminal.slave, fd);
  }
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  execvp(command[0], command);
  die(errno == ENOENT ? kNotFound : kNotExecutable, "run", command[0]);
}

// ---- The parent ---------------------------------------------------------------------------------------------------

// True when the child has ended, with the status to exit with. A stopped child stops the caller too, as shells expect.
bool child_ended(pid_t child, bool has_terminal, int* status) {
  int state;
  while (waitpid(child, &state, WNOHANG | WUNTRACED) == child) {
    if (!WIFSTOPPED(state)) {
      *status = WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
      return true;
    }
    if (has_terminal) continue;
    raise(SIGSTOP);
    kill(child, SIGCONT);
  }
  return false;
}

// Signals of the terminal driver (si_code SI_KERNEL) reached the child already: it is in the same process group.
void pass_on(const signalfd_siginfo& signal, pid_t child, const Terminal& terminal) {
  if (signal.ssi_signo == SIGWINCH && terminal.master >= 0) copy_window_size(terminal);
  else if (signal.ssi_code != SI_KERNEL || terminal.master >= 0) kill(child, static_cast<int>(signal.ssi_signo));
}

int attend(pid_t child, int signals, const Terminal& terminal) {
  int status = kNeverStarted;
  int input = terminal.master < 0 ? -1 : STDIN_FILENO;  // poll ignores negative descriptors
  pollfd fds[] = {{signals, POLLIN, 0}, {terminal.master, POLLIN, 0}, {input, POLLIN, 0}};
  for (;;) {
    if (poll(fds, 3, -1) < 0 && errno != EINTR) die(kNeverStarted, "poll", "the command");
    if (fds[1].revents != 0 && !copy_some(terminal.master, STDOUT_FILENO)) fds[1].fd = -1;
    if (fds[2].revents != 0 && !copy_some(STDIN_FILENO, terminal.master)) fds[2].fd = -1;
    if (fds[0].revents == 0) continue;
    signalfd_siginfo signal;
    if (read(signals, &signal, sizeof signal) != sizeof signal) continue;
    if (signal.ssi_signo != SIGCHLD) pass_on(signal, child, terminal);
    else if (child_ended(child, terminal.master >= 0, &status)) break;
  }
  // What the command wrote last. A process that it left behind may hold the terminal open: take only what is there.
  while (terminal.master >= 0 && fds[1].fd >= 0 && poll(&fds[1], 1, 0) > 0)
    if (!copy_some(terminal.master, STDOUT_FILENO)) break;
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: enter PID COMMAND ARGUMENT…\n");
    return kNeverStarted;
  }
  int init = static_cast<int>(syscall(SYS_pidfd_open, atoi(argv[1]), 0));
  if (init < 0) die(kNeverStarted, "find the host's init", argv[1]);

  sigset_t all, before;
  sigfillset(&all);
  for (int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTTIN, SIGTTOU, SIGTSTP}) sigdelset(&all, synchronous);
  sigprocmask(SIG_BLOCK, &all, &before);
  int signals = signalfd(-1, &all, SFD_CLOEXEC);
  if (signals < 0) die(kNeverStarted, "watch", "signals");

  Terminal terminal;
  if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) terminal = open_terminal(argv[1]);
  if (setns(init, CLONE_NEWPID) != 0) die(kNeverStarted, "enter", "the host's PID namespace");
  pid_t child = spawn(argv[1]);
  if (child == 0) become(init, terminal, argv + 2, before);

  if (terminal.master >= 0) {
    close(terminal.slave);
    make_raw(terminal);
  }
  int status = attend(child, signals, terminal);
  if (terminal.master >= 0) tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.saved);
  return status;
}
