#include "journal.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "clock.h"
#include "files.h"
#include "kernel.h"
#include "unix_socket.h"

namespace podctl {

Outcome<Fd> open_journal() { return open_at(AT_FDCWD, "/run/systemd/journal", kOpenDirectory); }

namespace {

/** Changes the working directory to the root. */
Outcome<Fd> connect_below(const Fd &journal, Text name, int type) {
  TRY(check(sys::fchdir(journal.get()), "fchdir", "/run/systemd/journal"));
  Outcome<Fd> socket = connect_unix(name, type);
  TRY(check(sys::chdir("/"), "chdir", "/"));
  return socket;
}

}  // namespace

namespace {

// ignored, here and below, unless it would wait: the entry says what others tell, too, and an app must not wait for a journal
// that is away
sys::Result send_now(const Fd &socket, Text entry) {
  return sys::send(socket.get(), entry.data, entry.size, kMsgDontWait | kMsgNoSignal);
}

/** Each that waits has its size in front. */
void keep(EntryQueue &queue, Arena &arena, Text entry) {
  const auto size = static_cast<uint16_t>(entry.size);
  if (entry.size > UINT16_MAX || queue.used + sizeof size + entry.size > EntryQueue::kMost) return;
  if (queue.bytes == nullptr) queue.bytes = static_cast<char *>(arena.bytes(EntryQueue::kMost));
  __builtin_memcpy(queue.bytes + queue.used, &size, sizeof size);
  __builtin_memcpy(queue.bytes + queue.used + sizeof size, entry.data, entry.size);
  queue.used += sizeof size + entry.size;
}

}  // namespace

void send_entry(const Fd &journal, EntryQueue &queue, Arena &arena, Text entry) {
  if (!queue.is_empty()) {
    keep(queue, arena, entry);
    return;
  }
  Outcome<Fd> socket = connect_below(journal, "socket", kSockDgram);
  if (!socket.ok() || send_now(socket.value, entry) != -EAGAIN) return;
  queue.socket = static_cast<Fd &&>(socket.value);
  keep(queue, arena, entry);
}

void send_waiting(EntryQueue &queue) {
  size_t done = 0;
  while (done < queue.used) {
    uint16_t size = 0;
    __builtin_memcpy(&size, queue.bytes + done, sizeof size);
    if (send_now(queue.socket, Text(queue.bytes + done + sizeof size, size)) == -EAGAIN) break;
    done += sizeof size + size;
  }
  if (done == 0) return;
  __builtin_memmove(queue.bytes, queue.bytes + done, queue.used - done);
  queue.used -= done;
  if (queue.is_empty()) queue.socket.close();
}

void send_all_waiting(EntryQueue &queue, uint64_t milliseconds) {
  const uint64_t end = monotonic_ms() + milliseconds;
  while (!queue.is_empty() && monotonic_ms() < end) {
    pollfd poll{queue.socket.get(), POLLOUT, 0};
    const sys::Time timeout = time_until(end);
    if (sys::ppoll(&poll, 1, &timeout) == 1) send_waiting(queue);
  }
}

void await_reader(const Sink &stream, uint64_t given, uint64_t end) {
  constexpr unsigned long kUnread = 0x5411;  // SIOCOUTQ: with what the kernel needs around it
  int unread = 0;
  if (!stream.fd.is_open() || sys::failed(sys::ioctl(stream.fd.get(), kUnread, &unread))) return;
  if (unread == 0 || static_cast<uint64_t>(unread) < given) return;
  // journald hangs up when it has stored what came before the end.
  if (sys::failed(sys::shutdown(stream.fd.get(), kShutdownWrite))) return;
  pollfd poll{stream.fd.get(), 0, 0};
  const sys::Time timeout = time_until(end);
  static_cast<void>(sys::ppoll(&poll, 1, &timeout));  // ignored: then the pod has waited long enough
}

Outcome<Sink> open_journal_stream(const Fd &journal, Text identifier, Text unit, int priority) {
  Outcome<Fd> socket = connect_below(journal, "stdout", kSockStream | kSockNonblock);
  if (!socket.ok()) return socket.failure;
  // Identifier, unit, priority, whether "<4>" at the start of a line is a priority, and three ways of forwarding, unused.
  Buffer<768> header;
  header << identifier << '\n' << unit << '\n' << priority << "\n1\n0\n0\n0\n";
  if (header.overflowed()) return problem("too long for a journal stream", unit);
  TRY(check(sys::send(socket.value.get(), header.text().data, header.text().size, kMsgNoSignal), "send",
            "/run/systemd/journal/stdout"));
  Sink sink;
  sink.fd = static_cast<Fd &&>(socket.value);
  sink.kind = Sink::Kind::socket;
  return sink;
}

}  // namespace podctl
