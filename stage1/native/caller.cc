#include "caller.h"

#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>

#include "clock.h"
#include "kernel.h"
#include "poll_set.h"

namespace podctl {
namespace {

/** How long a caller may take to say who it is, to say more, and to take what it is told. */
constexpr uint64_t kGreetingMs = 2000;
constexpr uint64_t kSilenceMs = 30000;
constexpr uint64_t kTakingMs = 5000;
/** The authentication is a few short lines. */
constexpr size_t kMaxGreeting = 1024;
constexpr size_t kMaxBody = 256 * 1024;
constexpr size_t kMaxHeader = 1024;
/** More than the init ever answers. */
constexpr size_t kMaxAnswer = 4096;

/** The process's files: its own three, and these, whatever else the init has open. */
constexpr int kFirstFile = 3;
enum Place { kAtSocket, kAtInit, kAtDirectory, kAtStatuses, kAtCgroups, kPlaces };

/** Leaves of the init's files those of this work, at fixed numbers. Objects that held others are not used any more. */
Outcome<> keep_files(const int (&files)[kPlaces]) {
  constexpr int kAbove = 256;  // so that no dup3 overwrites a file that is still to be moved
  int moved[kPlaces];
  for (int i = 0; i < kPlaces; ++i) {
    moved[i] = static_cast<int>(TRY(check(sys::fcntl(files[i], F_DUPFD_CLOEXEC, kAbove), "fcntl")));
  }
  for (int i = 0; i < kPlaces; ++i) TRY(check(sys::dup3(moved[i], kFirstFile + i, O_CLOEXEC), "dup3"));
  TRY(check(sys::close_range(kFirstFile + kPlaces, ~0U, 0), "close_range"));
  return kDone;
}

}  // namespace

void serve_caller(const Pod &pod, int socket, int init) {
  constexpr auto kName = "podctl-bus";
  static_cast<void>(sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>(kName)));  // ignored: cannot fail
  const int files[kPlaces] = {socket, init, pod.directory.get(), pod.statuses.get(), pod.apps_cgroup.get()};
  if (!keep_files(files).ok()) sys::exit_group(kOwnFailure);
  const Premises premises{pod, kFirstFile + kAtDirectory, kFirstFile + kAtStatuses, kFirstFile + kAtCgroups};
  Caller caller(premises, Fd(kFirstFile + kAtSocket), Fd(kFirstFile + kAtInit));
  caller.run();
  sys::exit_group(0);
}

bool take_line(Text &rest, Text &line) {
  const size_t end = rest.find('\n');
  if (end == rest.size) return false;
  line = rest.first(end);
  if (!line.empty() && line[line.size - 1] == '\r') line = line.first(line.size - 1);
  rest = rest.from(end + 1);
  return true;
}

Caller::Caller(const Premises &premises, Fd socket, Fd init)
    : premises_(premises), socket_(static_cast<Fd &&>(socket)), init_(static_cast<Fd &&>(init)),
      buffer_(static_cast<char *>(arena_.bytes(kMaxBusMessage))),
      body_(static_cast<char *>(arena_.bytes(kMaxBody)), kMaxBody) {}

void Caller::run() {
  PollSet set(arena_);
  deadline_ = monotonic_ms() + kGreetingMs;
  // Jobs are done to their end, whether or not somebody waits for that.
  while (is_patient() && (socket_.is_open() || job_count_ != 0)) {
    set.clear(2);
    const int socket_slot = set.add(socket_, POLLIN);
    const int init_slot = set.add(init_, POLLIN);
    const uint64_t now = monotonic_ms();
    set.wait(job_count_ != 0 ? -1 : deadline_ > now ? static_cast<int64_t>(deadline_ - now) : 0);
    if (set.is_ready(init_slot)) hear_init();
    if (set.is_ready(socket_slot) && !hear()) socket_.close();
  }
}

bool Caller::is_patient() const { return job_count_ != 0 || monotonic_ms() < deadline_; }

/** False if the connection is over. */
bool Caller::hear() {
  IoVector vector{buffer_ + filled_, kMaxBusMessage - filled_};
  ManyRights rights;
  Message message;
  message.vectors = &vector;
  message.vector_count = 1;
  message.control = &rights;
  message.control_size = sizeof rights;
  const sys::Result got = sys::recvmsg(socket_.get(), &message, kMsgDontWait | kMsgCloseOnExec);
  if (got == -EAGAIN || got == -EINTR) return true;
  if (got <= 0) return false;
  constexpr size_t kHead = 16;
  const bool has_files = message.control_size >= kHead && rights.size > kHead && rights.type == kScmRights;
  const size_t count = has_files ? (rights.size - kHead) / sizeof(int) : 0;
  bool fits = (message.flags & kMsgControlTruncated) == 0;
  for (size_t i = 0; i < count; ++i) {
    Fd file(rights.fds[i]);
    fits = fits && file_count_ < ManyRights::kMost;
    if (fits) files_[file_count_++] = static_cast<Fd &&>(file);
  }
  filled_ += static_cast<size_t>(got);
  return fits && hear_all();
}

/** Everything in the buffer that is whole. */
bool Caller::hear_all() {
  Text rest(buffer_, filled_);
  if (!is_greeted_) {
    if (rest[0] != '\0') return false;
    is_greeted_ = true;
    rest = rest.from(1);
  }
  for (Text line; !is_authenticated_ && take_line(rest, line);) {
    if (line.size > kMaxGreeting || !hear_line(line)) return false;
  }
  if (!is_authenticated_ && rest.size > kMaxGreeting) return false;
  while (is_authenticated_ && !rest.empty()) {
    const Outcome<size_t> size = size_of_message(rest);
    if (!size.ok()) return false;
    if (size.value == 0 || size.value > rest.size) break;
    if (!hear_message(rest.first(size.value)) || !socket_.is_open()) return false;
    rest = rest.from(size.value);
  }
  filled_ = rest.size;
  __builtin_memmove(buffer_, rest.data, rest.size);
  return true;
}

/** The kernel has said already who the caller is: what it says of itself is not needed. */
bool Caller::hear_line(Text line) {
  if (line == "AUTH EXTERNAL") return say("DATA\r\n");
  if (line.starts_with("AUTH EXTERNAL ") || line == "DATA" || line.starts_with("DATA ")) {
    Buffer<64> accepted;  // the server's ID: the pod's
    accepted << "OK ";
    for (size_t i = 0; i < premises_.pod.uuid.size; ++i) {
      if (premises_.pod.uuid[i] != '-') accepted << premises_.pod.uuid[i];
    }
    accepted << "\r\n";
    return say(accepted.text());
  }
  if (line == "AUTH" || line.starts_with("AUTH ") || line.starts_with("CANCEL")) return say("REJECTED EXTERNAL\r\n");
  if (line == "NEGOTIATE_UNIX_FD") return say("AGREE_UNIX_FD\r\n");
  if (line != "BEGIN") return say("ERROR\r\n");
  is_authenticated_ = true;
  deadline_ = monotonic_ms() + kSilenceMs;
  return true;
}

bool Caller::hear_message(Text bytes) {
  const Outcome<BusMessage> message = parse_message(bytes);
  if (!message.ok() || message.value.files > file_count_) return false;
  deadline_ = monotonic_ms() + kSilenceMs;
  if (message.value.type == BusType::call) obey(message.value);
  drop_files(message.value.files);
  return true;
}

void Caller::drop_files(size_t count) {
  for (size_t i = count; i < file_count_; ++i) files_[i - count] = static_cast<Fd &&>(files_[i]);
  file_count_ -= count;
  for (size_t i = file_count_; i < ManyRights::kMost; ++i) files_[i].close();
}

/** False if the caller does not take it. */
bool Caller::say(Text bytes) {
  const uint64_t end = monotonic_ms() + kTakingMs;
  while (!bytes.empty()) {
    const sys::Result sent = sys::send(socket_.get(), bytes.data, bytes.size, kMsgDontWait | kMsgNoSignal);
    if (sent >= 0) {
      bytes = bytes.from(static_cast<size_t>(sent));
      continue;
    }
    if ((sent != -EAGAIN && sent != -EINTR) || monotonic_ms() >= end) return false;
    pollfd poll{socket_.get(), POLLOUT, 0};
    const sys::Time timeout = time_until(end);
    static_cast<void>(sys::ppoll(&poll, 1, &timeout));  // ignored: the next send(2) tells
  }
  return true;
}

void Caller::send(const BusHeader &header) {
  BusHeader whole = header;
  whole.serial = ++serial_;
  alignas(8) char bytes[kMaxHeader];
  BusWriter out(bytes, sizeof bytes);
  put_header(out, whole, body_.text().size);
  if (socket_.is_open() && (out.overflowed() || !say(out.text()) || !say(body_.text()))) socket_.close();
}

/** The first of the jobs is the one that the init does. */
void Caller::ask_init() {
  if (job_count_ == 0) return;
  const Text words = jobs_[0].words;
  const sys::Result sent = sys::send(init_.get(), words.data, words.size, kMsgNoSignal);
  if (sys::failed(sent)) sys::exit_group(kOwnFailure);  // the pod ends
}

void Caller::hear_init() {
  char bytes[kMaxAnswer];
  const sys::Result got = sys::recv(init_.get(), bytes, sizeof bytes, kMsgDontWait);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0 || job_count_ == 0) sys::exit_group(kOwnFailure);  // the pod ends
  const Job job = jobs_[0];
  for (size_t i = 1; i < job_count_; ++i) jobs_[i - 1] = jobs_[i];
  --job_count_;
  note_end(job, Text(bytes, static_cast<size_t>(got)) == "ok");
  deadline_ = monotonic_ms() + kSilenceMs;
  ask_init();
}

}  // namespace podctl
