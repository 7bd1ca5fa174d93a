#include "attend.h"

#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "clock.h"
#include "conduit.h"
#include "kernel.h"
#include "terminal.h"

namespace podctl {
namespace {

constexpr uint64_t kPassedOn = signal_bit(kSignalTerminate) | signal_bit(kSignalInterrupt) | signal_bit(kSignalHangup) |
                               signal_bit(kSignalQuit) | signal_bit(kSignalUser1) | signal_bit(kSignalUser2);
constexpr uint64_t kRead = kPassedOn | signal_bit(kSignalChild) | signal_bit(kSignalWindow);
/**
 * A stopped relay would keep its dead command a zombie, which no end of the pod's PID namespace can pass: so nothing that a
 * terminal sends stops it. In the background it reads the end of its input instead.
 */
constexpr uint64_t kIgnored = signal_bit(kSignalPipe) | signal_bit(kSignalStopKey) | signal_bit(kSignalBackgroundRead) |
                              signal_bit(kSignalBackgroundWrite);

constexpr char kEndOfFile = 4;  // ^D, which every new terminal takes for the end
/** What a terminal can hold of its command's output, generously. */
constexpr uint64_t kTerminalHolds = 256 * 1024;
/** How long a dead command's terminal is listened to when nothing comes, if another process still has it open. */
constexpr int64_t kSilenceMs = 200;
constexpr size_t kSlots = 1 + 3 * 2;

Outcome<Fd> copy_of(int fd) { return Fd(TRY(check(sys::fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl"))); }

Sink sink_of(Fd file) {
  Sink sink;
  sink.fd = static_cast<Fd &&>(file);
  sink.kind = Sink::Kind::nonblocking;
  return sink;
}

class Relay {
 public:
  Relay(Entry &entry, const Born &born, Fd signals, Conduit &in, Conduit &out, Conduit &err)
      : entry_(entry), born_(born), signals_(static_cast<Fd &&>(signals)), in_(in), out_(out), err_(err),
        all_{&in, &out, &err}, set_(entry.arena) {}

  int run() {
    while (!is_over_) turn(-1);
    in_.close();
    prepare_rest(out_);
    prepare_rest(err_);
    if (entry_.has_terminal) sys::close(born_.theirs[0]);
    is_hurried_ = false;
    while (!is_hurried_ && (!out_.is_over() || !err_.is_over())) {
      if (!turn(entry_.has_terminal && err_.is_over() && out_.source().is_open() ? kSilenceMs : -1)) break;
    }
    return status_;
  }

 private:
  /** False if nothing has happened for so long. */
  bool turn(int64_t patience) {
    set_.clear(kSlots);
    const int slot = set_.add(signals_, POLLIN);
    for (Conduit *conduit : all_) conduit->gather(set_);
    const uint64_t began = patience < 0 ? 0 : monotonic_ms();
    set_.wait(patience);
    for (Conduit *conduit : all_) conduit->handle(set_);
    if (set_.is_ready(slot)) read_signals();
    return patience < 0 || monotonic_ms() < began + static_cast<uint64_t>(patience);
  }

  /** A dead command's output is what is in the pipe now. Whoever else has it open may write for ever. */
  void prepare_rest(Conduit &conduit) {
    int waiting = 0;
    if (!conduit.source().is_open()) return;
    if (&conduit == &out_ && entry_.has_terminal) return conduit.limit(kTerminalHolds);
    const bool known = !sys::failed(sys::ioctl(conduit.source().get(), FIONREAD, &waiting));
    conduit.limit(known ? static_cast<uint64_t>(waiting) : 0);
  }

  void read_signals() {
    signalfd_siginfo info;
    while (sys::read(signals_.get(), &info, sizeof info) == sizeof info) {
      const int signal = static_cast<int>(info.ssi_signo);
      if (signal == kSignalChild) {
        reap();
      } else if (signal == kSignalWindow) {
        if (entry_.has_terminal && !is_over_) copy_window_size(0, born_.ours[0]);
      } else {
        is_hurried_ = true;
        // ignored: it may have ended just now
        if (!is_over_) static_cast<void>(sys::kill(born_.pid, signal));
      }
    }
  }

  void reap() {
    int wait_status = 0;
    if (is_over_ || sys::wait4(born_.pid, &wait_status, kWaitNoHang) != born_.pid) return;
    const int signal = wait_status & 0x7f;
    status_ = signal != 0 ? 128 + signal : wait_status >> 8 & 0xff;
    is_over_ = true;
  }

  Entry &entry_;
  const Born &born_;
  Fd signals_;
  Conduit &in_;
  Conduit &out_;
  Conduit &err_;
  Conduit *const all_[3];
  PollSet set_;
  bool is_over_ = false;
  /** A signal came: the caller does not want to wait for the rest. */
  bool is_hurried_ = false;
  int status_ = 0;
};

}  // namespace

void block_signals() {
  static_cast<void>(sys::rt_sigprocmask(kSigBlock, kRead | kIgnored));  // ignored: cannot fail
}

Outcome<int> attend(Entry &entry, const Born &born) {
  Fd signals(TRY(check(sys::signalfd(kRead, O_CLOEXEC | O_NONBLOCK), "signalfd4")));
  const bool tty = entry.has_terminal;
  for (int i = tty ? 1 : 0; i < 3; ++i) {
    if (born.theirs[i] >= 0) sys::close(born.theirs[i]);
  }
  Fd master = tty ? TRY(copy_of(born.ours[0])) : Fd();
  // Of a terminal, a copy: its size and its modes are still looked after when nothing comes from it any more.
  Conduit in(entry.arena, tty ? TRY(copy_of(0)) : Fd(0), sink_of(Fd(born.ours[0])));
  if (tty) in.end_with(kEndOfFile);
  Conduit out(entry.arena, tty ? static_cast<Fd &&>(master) : Fd(born.ours[1]), TRY(adopt_sink(Fd(1))));
  // A copy, for what there is to say when the command has ended.
  Conduit err(entry.arena, Fd(born.ours[2]), entry.is_stderr_merged ? Sink() : TRY(adopt_sink(TRY(copy_of(2)))));
  const RawTerminal raw(tty && is_terminal(0) ? 0 : -1);
  return Relay(entry, born, static_cast<Fd &&>(signals), in, out, err).run();
}

}  // namespace podctl
