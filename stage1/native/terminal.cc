#include "terminal.h"

#include <asm/ioctls.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "kernel.h"

namespace podctl {
namespace {

/** struct winsize, whose header wants libc's. */
struct WindowSize {
  uint16_t words[4];
};

constexpr Text kMaker = "/dev/pts/ptmx";
constexpr uint32_t kMakerMajor = 5;
constexpr uint32_t kMakerMinor = 2;

/** Whatever an app has made of its /dev: this is the kernel's, on a devpts. */
Outcome<Fd> open_maker() {
  constexpr uint64_t kFlags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
  Fd file(TRY(check(sys::openat2(AT_FDCWD, kMaker.c_str(), kFlags, 0, RESOLVE_NO_SYMLINKS), "openat2", kMaker)));
  struct statfs system{};
  TRY(check(sys::fstatfs(file.get(), &system), "fstatfs", kMaker));
  struct statx info{};
  TRY(check(sys::statx(file.get(), "", AT_EMPTY_PATH, STATX_TYPE, &info), "statx", kMaker));
  const bool is_device = (info.stx_mode & kFileType) == kCharacterDevice && info.stx_rdev_major == kMakerMajor &&
                         info.stx_rdev_minor == kMakerMinor;
  if (!is_device || system.f_type != DEVPTS_SUPER_MAGIC) return problem("makes no terminals of this app", kMaker);
  return file;
}

}  // namespace

bool is_terminal(int fd) {
  termios modes;
  return !sys::failed(sys::ioctl(fd, TCGETS, &modes));
}

bool is_in_foreground(int fd) {
  int group = 0;
  return !sys::failed(sys::ioctl(fd, TIOCGPGRP, &group)) && group == sys::getpgid(0);
}

Outcome<TerminalPair> open_terminal(int like, uint32_t owner) {
  TerminalPair pair;
  pair.master = TRY(open_maker());
  int locked = 0;
  TRY(check(sys::ioctl(pair.master.get(), TIOCSPTLCK, &locked), "ioctl", "TIOCSPTLCK"));
  // By the master, not by a path: an app may have put anything there.
  const auto flags = reinterpret_cast<void *>(static_cast<uintptr_t>(O_RDWR | O_NOCTTY | O_CLOEXEC));
  pair.slave = Fd(TRY(check(sys::ioctl(pair.master.get(), TIOCGPTPEER, flags), "ioctl", "TIOCGPTPEER")));
  TRY(check(sys::fchown(pair.slave.get(), owner, ~0U), "fchown", "the terminal"));
  termios modes;
  if (sys::failed(sys::ioctl(like, TCGETS, &modes))) {
    TRY(check(sys::ioctl(pair.slave.get(), TCGETS, &modes), "ioctl", "TCGETS"));
    modes.c_iflag |= IUTF8;  // so that a line is edited by characters
    TRY(check(sys::ioctl(pair.slave.get(), TCSETS, &modes), "ioctl", "TCSETS"));
    return pair;
  }
  TRY(check(sys::ioctl(pair.slave.get(), TCSETS, &modes), "ioctl", "TCSETS"));
  copy_window_size(like, pair.master.get());
  return pair;
}

void set_window_size(int master, uint16_t rows, uint16_t columns) {
  WindowSize size{{rows, columns, 0, 0}};
  static_cast<void>(sys::ioctl(master, TIOCSWINSZ, &size));  // ignored: the terminal is gone, and so is whoever used it
}

bool read_window_size(int terminal, uint16_t &rows, uint16_t &columns) {
  WindowSize size;
  if (sys::failed(sys::ioctl(terminal, TIOCGWINSZ, &size))) return false;
  rows = size.words[0];
  columns = size.words[1];
  return true;
}

void copy_window_size(int from, int to) {
  uint16_t rows;
  uint16_t columns;
  if (read_window_size(from, rows, columns)) set_window_size(to, rows, columns);
}

RawTerminal::RawTerminal(int fd) : fd_(fd) { enter(); }

void RawTerminal::enter() {
  if (fd_ < 0 || is_raw_ || !is_in_foreground(fd_) || sys::failed(sys::ioctl(fd_, TCGETS, &before_))) return;
  termios raw = before_;  // as cfmakeraw(3)
  raw.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  is_raw_ = !sys::failed(sys::ioctl(fd_, TCSETS, &raw));
}

void RawTerminal::leave() {
  // ignored: the terminal may be gone
  if (is_raw_) static_cast<void>(sys::ioctl(fd_, TCSETS, &before_));
  is_raw_ = false;
}

}  // namespace podctl
