#include "talk.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "ask.h"
#include "audience.h"
#include "clock.h"
#include "files.h"
#include "kernel.h"
#include "leaving_keys.h"
#include "sink.h"
#include "terminal.h"

namespace podctl {
namespace {

constexpr uint64_t kEnding = signal_bit(kSignalTerminate) | signal_bit(kSignalInterrupt) | signal_bit(kSignalHangup) |
                             signal_bit(kSignalQuit);
constexpr uint64_t kRead = kEnding | signal_bit(kSignalWindow) | signal_bit(kSignalContinue) | signal_bit(kSignalStopKey);
/** The terminal's modes are put back even if another job has it by now. */
constexpr uint64_t kIgnored = signal_bit(kSignalPipe) | signal_bit(kSignalBackgroundWrite);

constexpr char kEndOfFile = 4;  // ^D, which every new terminal takes for the end
constexpr size_t kMaxHeard = 64 * 1024;
/** How long the end of the pod's init is waited for behind its last word. */
constexpr int64_t kFarewellMs = 10000;
/** As a shell has it for a reader that has gone. */
constexpr int kBrokenPipe = 128 + kSignalPipe;
constexpr int kKilled = 128 + kSignalKill;

bool is_gone(const Fd &process, int64_t milliseconds) {
  if (!process.is_open()) return true;
  pollfd poll{process.get(), POLLIN, 0};
  const sys::Time timeout = time_of(milliseconds);
  return sys::ppoll(&poll, 1, &timeout) == 1;
}

class Visitor {
 public:
  Visitor(Talk &talk, Fd signals, Sink out, Sink err)
      : talk_(talk), signals_(static_cast<Fd &&>(signals)), in_(talk.gives_input ? 0 : -1), out_(static_cast<Sink &&>(out)),
        err_(static_cast<Sink &&>(err)), raw_(talk.has_terminal && talk.gives_input && is_terminal(0) ? 0 : -1),
        keys_(talk.leaving_keys) {}

  int run() {
    // A program draws itself anew when the size changes, and only then: what is on its screen is not to be had otherwise.
    if (talk_.has_terminal && !talk_.is_owner) send_size(1);
    if (talk_.has_terminal) send_size();
    while (!is_over_) turn();
    return status_;
  }

 private:
  enum Slot : size_t { kSignals, kSocket, kIn, kWriting, kSlots };

  void turn() {
    const bool is_writing = heard_done_ < heard_;
    const Fd &target = kind_ == 'e' ? err_.fd : out_.fd;
    const bool has_said = said_ > 0;
    pollfd polls[kSlots] = {
        {signals_.get(), POLLIN, 0},
        {talk_.socket.get(), static_cast<short>((is_writing ? 0 : POLLIN) | (has_said ? POLLOUT : 0)), 0},
        {has_said ? -1 : in_.get(), POLLIN, 0},
        {is_writing ? target.get() : -1, POLLOUT, 0},
    };
    if (sys::failed(sys::ppoll(polls, kSlots, nullptr))) return;
    if (polls[kSignals].revents != 0) read_signals();
    if (is_over_) return;
    if (polls[kIn].revents != 0) read_input();
    if ((polls[kSocket].revents & POLLOUT) != 0 && said_ > 0) send_said();
    if (polls[kWriting].revents != 0) write_heard();
    if (!is_writing && !is_over_ && (polls[kSocket].revents & ~POLLOUT) != 0) hear();
  }

  void leave(int status) {
    status_ = status;
    is_over_ = true;
  }

  /** Up to here the init may have written to the terminal that is given back now. */
  void leave_by_keys() {
    static_cast<void>(sys::shutdown(talk_.socket.get(), kShutdownWrite));  // ignored: then the other side has gone
    for (;;) {
      pollfd poll{talk_.socket.get(), POLLIN, 0};
      constexpr sys::Time kPatience{kFarewellMs / 1000, 0};
      if (sys::ppoll(&poll, 1, &kPatience) != 1 || sys::recv(talk_.socket.get(), heard_bytes_, kMaxHeard, 0) <= 0) break;
    }
    raw_.leave();
    write_all(2, "\r\npodctl: detached; the pod goes on\n");
    leave(0);
  }

  void read_signals() {
    signalfd_siginfo info;
    while (!is_over_ && sys::read(signals_.get(), &info, sizeof info) == sizeof info) {
      const int signal = static_cast<int>(info.ssi_signo);
      if (signal == kSignalStopKey) {
        pause();
      } else if (signal == kSignalContinue) {
        raw_.enter();
        if (talk_.has_terminal) send_size();
      } else if (signal == kSignalWindow) {
        if (talk_.has_terminal) send_size();
      } else if (!talk_.is_owner) {
        leave(128 + signal);
      } else {
        // ignored: it has ended just now
        static_cast<void>(sys::pidfd_send_signal(talk_.init.get(), is_stopping_ ? kSignalKill : kSignalTerminate));
        is_stopping_ = true;
      }
    }
  }

  /** As the shell would have it of any program; in a raw terminal ^Z is the app's. */
  void pause() {
    raw_.leave();
    static_cast<void>(sys::kill(sys::getpid(), kSignalStop));  // ignored: cannot fail
    raw_.enter();
  }

  void send_size(uint32_t more_rows = 0) {
    uint16_t rows = 0;
    uint16_t columns = 0;
    Buffer<32> size;
    size << 'w';  // without a size it says only that the terminal is ready
    if (read_window_size(raw_.is_raw() ? 0 : 1, rows, columns)) size << uint32_t{rows} + more_rows << ' ' << uint32_t{columns};
    // ignored: then the size comes with the next change
    static_cast<void>(sys::send(talk_.socket.get(), size.text().data, size.text().size, kMsgDontWait | kMsgNoSignal));
  }

  void read_input() {
    const sys::Result got = sys::read(in_.get(), typed_, sizeof typed_);
    if (got == -EAGAIN || got == -EINTR) return;
    if (got <= 0) return end_input();
    Text typed(typed_, static_cast<size_t>(got));
    const bool leaves = raw_.is_raw() && keys_.find(typed, said_bytes_ + 1, said_);
    if (!raw_.is_raw()) {
      __builtin_memcpy(said_bytes_ + 1, typed.data, typed.size);
      said_ = typed.size;
    }
    if (said_ > 0) {
      is_in_line_ = said_bytes_[said_] != '\n';
      said_bytes_[0] = 'i';
      ++said_;
      send_said();
    }
    if (leaves) leave_by_keys();
  }

  /** Of a pipe the end is passed on; in a terminal it is a key, and behind a begun line the first only ends the line. */
  void end_input() {
    if (raw_.has_terminal()) {
      static_cast<void>(in_.release());  // ignored: it stays open, for its modes
    } else {
      in_.close();
    }
    said_ = 0;
    if (talk_.has_terminal) {
      said_bytes_[said_++] = 'i';
      if (is_in_line_) said_bytes_[said_++] = kEndOfFile;
      said_bytes_[said_++] = kEndOfFile;
    } else {
      said_bytes_[said_++] = 'z';
    }
    send_said();
  }

  void send_said() {
    const sys::Result sent = sys::send(talk_.socket.get(), said_bytes_, said_, kMsgDontWait | kMsgNoSignal);
    if (sent == -EAGAIN || sent == -EINTR || sent == -ENOBUFS || sent == -ENOMEM) return;
    said_ = 0;  // or the other side has gone, which reading tells
  }

  void hear() {
    const sys::Result got = sys::recv(talk_.socket.get(), heard_bytes_, kMaxHeard, kMsgDontWait);
    // A reset is told once, of what we said and the other side did not read before it closed; what it said comes behind.
    if (got == -EAGAIN || got == -EINTR || got == -ECONNRESET) return;
    if (got <= 0) return end_unheard();
    const Text message(heard_bytes_, static_cast<size_t>(got));
    kind_ = message[0];
    // Whoever writes to us is told so by the kernel. A terminal's modes are to be put back, and its keys still leave.
    if (kind_ == 'z' && !raw_.has_terminal()) in_.close();
    if (kind_ == 'x') return end_as_told(message.from(1));
    if (kind_ != 'o' && kind_ != 'e') return;
    heard_ = message.size;
    heard_done_ = 1;
    write_heard();
  }

  void write_heard() {
    Sink &sink = kind_ == 'e' ? err_ : out_;
    const sys::Result wrote = sink.put(Text(heard_bytes_ + heard_done_, heard_ - heard_done_));
    if (sys::failed(wrote)) return leave(kBrokenPipe);
    heard_done_ += static_cast<size_t>(wrote);
  }

  /** The init's own end follows: who looks at the pod next finds it over. */
  void end_as_told(Text status) {
    uint64_t number = 0;
    static_cast<void>(parse_decimal(status, number));  // ignored: the init says nothing else
    if (talk_.is_owner) static_cast<void>(is_gone(talk_.init, kFarewellMs));
    leave(static_cast<int>(number));
  }

  /** A killed init has closed its sockets, but its end is seen only when its apps' mounts have been written to the disk. */
  bool was_killed() const {
    constexpr int64_t kMomentMs = 200;
    if (is_gone(talk_.init, kMomentMs)) return true;
    if (connect_control(talk_.directory).ok()) return is_gone(talk_.init, 0);
    static_cast<void>(is_gone(talk_.init, kFarewellMs));  // ignored: it is on its way
    return true;
  }

  void end_unheard() {
    raw_.leave();
    const bool is_killed = was_killed();
    Buffer<256> line;
    line << "podctl: " << talk_.caller << ": ";
    if (is_killed) {
      line << "pod-failed: the pod was killed\n";
    } else {
      line << "control-failed: detached by the pod: this side took the output too slowly, and is not to hold the app back\n";
    }
    write_all(2, line.text());
    leave(is_killed ? kKilled : kOwnFailure);
  }

  Talk &talk_;
  Fd signals_;
  Fd in_;
  Sink out_;
  Sink err_;
  RawTerminal raw_;
  LeavingKeys keys_;
  bool is_over_ = false;
  bool is_stopping_ = false;
  bool is_in_line_ = false;
  int status_ = 0;
  char typed_[kMaxInput - LeavingKeys::kMost];
  /** With its kind in front. */
  char said_bytes_[1 + kMaxInput];
  size_t said_ = 0;
  char kind_ = 0;
  char heard_bytes_[kMaxHeard];
  size_t heard_ = 0;
  size_t heard_done_ = 0;
};

}  // namespace

void block_talk_signals() {
  static_cast<void>(sys::rt_sigprocmask(kSigBlock, kRead | kIgnored));  // ignored: cannot fail
}

Outcome<int> hold_talk(Talk &talk) {
  Fd signals(TRY(check(sys::signalfd(kRead, O_CLOEXEC | O_NONBLOCK), "signalfd4")));
  const auto copy_of = [](int fd) -> Outcome<Fd> { return Fd(TRY(check(sys::fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl"))); };
  Sink out = TRY(adopt_sink(TRY(copy_of(1))));
  Sink err = TRY(adopt_sink(TRY(copy_of(2))));
  return Visitor(talk, static_cast<Fd &&>(signals), static_cast<Sink &&>(out), static_cast<Sink &&>(err)).run();
}

}  // namespace podctl
