// A pseudo terminal of the host's own devpts, so that tty(1) and ttyname(3) work inside; and what both parts of enter use
// to give up.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

constexpr int kNeverStarted = 125, kNotExecutable = 126, kNotFound = 127;

[[noreturn]] inline void die(int status, const char* what, const char* object) {
  fprintf(stderr, "host: exec: %s %s: %s\n", what, object, strerror(errno));
  _exit(status);
}

struct Terminal {
  int master = -1, slave = -1;
  termios saved{};
};

inline void copy_window_size(const Terminal& terminal) {
  winsize size;
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(terminal.master, TIOCSWINSZ, &size);
}

inline Terminal open_terminal(const char* pid) {
  Terminal terminal;
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/root/dev/pts/ptmx", pid);
  int unlock = 0;
  terminal.master = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal.master < 0 || ioctl(terminal.master, TIOCSPTLCK, &unlock) != 0) die(kNeverStarted, "open", path);
  terminal.slave = ioctl(terminal.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal.slave < 0 || tcgetattr(STDIN_FILENO, &terminal.saved) != 0) die(kNeverStarted, "open peer of", path);
  tcsetattr(terminal.slave, TCSANOW, &terminal.saved);
  copy_window_size(terminal);
  return terminal;
}

inline void make_raw(const Terminal& terminal) {
  termios raw = terminal.saved;
  cfmakeraw(&raw);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

// Copies what one read gives. False at the end of the stream (for a master: no process has the slave open any more).
inline bool copy_some(int from, int to) {
  char buffer[16384];
  ssize_t got = read(from, buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  for (ssize_t done = 0, wrote; done < got; done += wrote) {
    wrote = write(to, buffer + done, static_cast<size_t>(got - done));
    if (wrote < 0 && errno == EINTR) wrote = 0;
    if (wrote < 0) return false;
  }
  return true;
}
