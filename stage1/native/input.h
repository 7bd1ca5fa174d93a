// What is said to an app, on its way to the app's standard input or terminal.
#pragma once

#include "fd.h"

namespace podctl {

/** The largest piece of input, and what waits of it in the init at most. Its pages become resident with the first input only. */
constexpr size_t kMaxInput = 16384;

struct Input {
  /** Our end of a pipe or of a terminal, nonblocking. Closed while there is no process that could read. */
  Fd to{};
  char *buffer = nullptr;
  size_t start = 0;
  size_t end = 0;
  /** Its end came: the pipe is closed behind what is in the buffer. */
  bool is_ended = false;
  /** Nothing more is taken: what is said is dropped. */
  bool is_over = false;
  /** Where it is in the supervisor's poll set, -1 if it is not. */
  int slot = -1;

  bool is_empty() const { return start == end; }
  bool can_take() const { return !is_over && !is_ended && to.is_open() && is_empty(); }

  /** Passes on what can be passed on without waiting. */
  void flush();
  /** Ends it behind what has come. */
  void finish();
  /** Gives up what is left, for good. */
  void close();
  /** Gives up what is left: the process it was for has ended. */
  void pause();
};

/** An app's terminal, which its child makes in the app's own /dev/pts (terminal.h). */
struct Terminal {
  uint16_t rows = 0;
  uint16_t columns = 0;
  /** Where it comes from; closed once it is here. */
  Fd link{};
  /** Kept while the process runs: the terminal does not end because nobody has it open for a moment. */
  Fd slave{};
  /** That of a further process, while the output of the last one is still being read. */
  Fd next{};
  int slot = -1;
};

}  // namespace podctl
