// Terminals: a new one in an app's own /dev/pts, and the caller's while it is only passed through.
#pragma once

#include <asm/termbits.h>

#include "error.h"
#include "fd.h"

namespace podctl {

bool is_terminal(int fd);
/** Whether this process may use the terminal `fd`, as a shell's foreground job does. */
bool is_in_foreground(int fd);

struct TerminalPair {
  /** Nonblocking. */
  Fd master{};
  Fd slave{};
};

/**
 * A new terminal of the /dev/pts that the process sees, with the modes and the size that the terminal `like` has, if it is one.
 * @param owner its user
 */
Outcome<TerminalPair> open_terminal(int like, uint32_t owner);

/** Of a terminal by its master. Ignored if there is nobody left who could see it. */
void set_window_size(int master, uint16_t rows, uint16_t columns);

/** False if `terminal` is none. */
bool read_window_size(int terminal, uint16_t &rows, uint16_t &columns);

/** Ignored if `from` is no terminal any more: then nobody looks at it. */
void copy_window_size(int from, int to);

/** The caller's terminal passes every byte through, until the end of this object. */
class RawTerminal {
 public:
  /** @param fd stays open as long as this; negative: there is none, and nothing is done */
  explicit RawTerminal(int fd);
  RawTerminal(const RawTerminal &) = delete;
  RawTerminal &operator=(const RawTerminal &) = delete;
  ~RawTerminal() { leave(); }

  bool has_terminal() const { return fd_ >= 0; }
  bool is_raw() const { return is_raw_; }
  /** Nothing happens in the background: the terminal is another's then. */
  void enter();
  /** As it was before. */
  void leave();

 private:
  int fd_;
  bool is_raw_ = false;
  termios before_{};
};

}  // namespace podctl
