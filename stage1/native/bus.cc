#include "bus.h"

#include <linux/errno.h>
#include <linux/fcntl.h>

#include "clock.h"
#include "kernel.h"
#include "unix_socket.h"

namespace podctl {
namespace {

/** How long READY=1 is held back for machined, which the bus may have to start first. */
constexpr uint64_t kPatienceMs = 2000;
/** How long its answer is waited for in all: as long as dbus-daemon waits for a service that it starts, and a little more. */
constexpr uint64_t kLastPatienceMs = 30000;
/** How long it is left to itself before it is asked for the second time; then twice as long, and so on. */
constexpr uint64_t kFirstPauseMs = 1;
constexpr Text kTaken = "org.freedesktop.machine1.MachineExists";
constexpr size_t kBuffer = 2048;
constexpr size_t kFixedHeader = 16;

/** SASL EXTERNAL as uid 0 ("30" is "0" in hex). No answer is waited for: a refusal shows in what is read later. */
constexpr char kAuthentication[] = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n";

/** org.freedesktop.DBus.Hello with serial 1. Each header field is padded to 8 bytes. */
constexpr char kHello[] =
    "l\1\0\1" "\0\0\0\0" "\1\0\0\0" "\x6e\0\0\0"
    "\1\1o\0" "\x15\0\0\0" "/org/freedesktop/DBus\0\0\0"
    "\6\1s\0" "\x14\0\0\0" "org.freedesktop.DBus\0\0\0\0"
    "\2\1s\0" "\x14\0\0\0" "org.freedesktop.DBus\0\0\0\0"
    "\3\1s\0" "\5\0\0\0" "Hello\0\0\0";
static_assert(sizeof kHello - 1 == 128, "16 bytes and 110 of fields, padded");

constexpr uint8_t kMethodReturn = 2;
constexpr uint8_t kError = 3;
constexpr uint8_t kFieldErrorName = 4;
constexpr uint8_t kFieldReplySerial = 5;

uint32_t word_at(Text bytes, size_t offset) {
  uint32_t word;
  __builtin_memcpy(&word, bytes.data + offset, sizeof word);
  return word;
}

constexpr size_t align(size_t offset, size_t to) { return (offset + to - 1) & ~(to - 1); }

/** Size of the message at the start of `bytes`, which has a fixed header; 0 if it is not little-endian. */
size_t message_size(Text bytes) {
  if (bytes[0] != 'l') return 0;
  return align(kFixedHeader + size_t{word_at(bytes, 12)}, 8) + word_at(bytes, 4);
}

struct Answer {
  uint8_t type = 0;
  uint32_t reply_to = 0;
  Text error_name{};
  Text error_text{};
};

/** The string at `offset`, or nothing if it leaves the message. */
Text string_at(Text message, size_t offset) {
  if (offset + 4 > message.size) return {};
  const size_t size = word_at(message, offset);
  return size <= message.size - offset - 4 ? message.from(offset + 4).first(size) : Text();
}

/** Reads what matters of a whole message. Fields other than those of a single basic type end the search. */
Answer parse_answer(Text message) {
  Answer answer;
  answer.type = static_cast<uint8_t>(message[1]);
  const size_t end = kFixedHeader + word_at(message, 12);
  for (size_t at = kFixedHeader; at + 8 <= end && end <= message.size;) {
    const auto code = static_cast<uint8_t>(message[at]);
    const char type = message[at + 2];
    if (code == kFieldReplySerial) answer.reply_to = word_at(message, at + 4);
    if (code == kFieldErrorName) answer.error_name = string_at(message, at + 4);
    if (type == 'u') {
      at = align(at + 8, 8);
    } else if (type == 'g') {
      at = align(at + 4 + static_cast<uint8_t>(message[at + 4]) + 2, 8);
    } else {
      at = align(at + 4 + 4 + string_at(message, at + 4).size + 1, 8);
    }
  }
  if (answer.type == kError) answer.error_text = string_at(message, align(end, 8));
  return answer;
}

uint32_t serial_of(Text message) { return word_at(message, 8); }

/** The last of `messages`; empty if they are not whole. */
Text last_of(Text messages) {
  Text last;
  while (messages.size >= kFixedHeader) {
    const size_t size = message_size(messages);
    if (size == 0 || size > messages.size) return {};
    last = messages.first(size);
    messages = messages.from(size);
  }
  return messages.empty() ? last : Text();
}

Outcome<> send_all(const Fd &socket, Text bytes) {
  const long sent =
      TRY(check(sys::send(socket.get(), bytes.data, bytes.size, kMsgNoSignal | kMsgDontWait), "send", "the system bus"));
  if (static_cast<size_t>(sent) != bytes.size) return problem("the bus did not take all messages at once");
  return kDone;
}

/** Stays away from the machine's name for longer each time: what machined has to do first may be asked by many. */
void put_off(Bus &bus) {
  bus.pause = bus.pause == 0 ? kFirstPauseMs : 2 * bus.pause;
  bus.again = monotonic_ms() + bus.pause;
}

void drop_front(Bus &bus, size_t size) {
  bus.filled -= size;
  __builtin_memmove(bus.buffer, bus.buffer + size, bus.filled);
}

/** True once the server's "OK" line is read. */
Outcome<bool> read_authentication(Bus &bus) {
  const Text line = Text(bus.buffer, bus.filled).first(Text(bus.buffer, bus.filled).find('\n'));
  if (line.size == bus.filled) return false;
  if (!line.starts_with("OK ")) return problem("the bus refused the authentication");
  drop_front(bus, line.size + 1);
  bus.authenticated = true;
  return true;
}

/** True once the awaited answer is read. */
Outcome<bool> read_message(Bus &bus) {
  const Text bytes(bus.buffer, bus.filled);
  if (bytes.size < kFixedHeader) return false;
  const size_t size = message_size(bytes);
  if (size == 0 || size > kBuffer) return problem("the bus sent what was not expected");
  if (bytes.size < size) return false;
  const Answer answer = parse_answer(bytes.first(size));
  const bool is_awaited = answer.reply_to == serial_of(bus.last);
  if (is_awaited && answer.type == kError) {
    const bool is_passing = bus.is_replacement && answer.error_name == kTaken && monotonic_ms() + 2 * bus.pause < bus.deadline;
    if (!is_passing) return problem(answer.error_text, answer.error_name);
    put_off(bus);
  }
  const bool is_done = is_awaited && answer.type == kMethodReturn;
  drop_front(bus, size);
  if (is_done) bus.socket.close();
  return true;
}

}  // namespace

Outcome<> prepare_calls(Bus &bus, Arena &arena, Text path, Text messages_hex) {
  const size_t prefix = sizeof kAuthentication - 1 + sizeof kHello - 1;
  const size_t size = prefix + messages_hex.size / 2;
  auto *const bytes = static_cast<char *>(arena.bytes(size));
  __builtin_memcpy(bytes, kAuthentication, sizeof kAuthentication - 1);
  __builtin_memcpy(bytes + sizeof kAuthentication - 1, kHello, sizeof kHello - 1);
  decode_hex(messages_hex, bytes + prefix);
  bus.last = last_of(Text(bytes, size).from(prefix));
  if (bus.last.empty()) return problem("not whole D-Bus messages");
  bus.is_replacement = bus.last.size < size - prefix;
  bus.outgoing = Text(bytes, size);
  bus.buffer = static_cast<char *>(arena.bytes(kBuffer));
  bus.endpoint = Fd(TRY(check(sys::openat2(AT_FDCWD, path.c_str(), O_PATH | O_CLOEXEC, 0, 0), "openat2", path)));
  return kDone;
}

Outcome<> start_calls(Bus &bus) {
  Buffer<32> path;
  path << "/proc/self/fd/" << bus.endpoint.get();
  const Fd endpoint = static_cast<Fd &&>(bus.endpoint);
  bus.deadline = monotonic_ms() + kPatienceMs;
  Fd socket = TRY(connect_unix(path.text(), kSockStream));
  TRY(send_all(socket, bus.outgoing));
  bus.socket = static_cast<Fd &&>(socket);
  return kDone;
}

Outcome<> read_answers(Bus &bus) {
  const sys::Result got = sys::read(bus.socket.get(), bus.buffer + bus.filled, kBuffer - bus.filled);
  if (got == -EINTR) return kDone;
  if (TRY(check(got, "read", "the system bus")) == 0) return problem("the bus closed the connection");
  bus.filled += static_cast<size_t>(got);
  while (bus.socket.is_open()) {
    const bool progress = bus.authenticated ? TRY(read_message(bus)) : TRY(read_authentication(bus));
    if (!progress) break;
  }
  return kDone;
}

uint64_t deadline_of(const Bus &bus) { return bus.socket.is_open() ? sooner(bus.deadline, bus.again) : 0; }

Outcome<> pass_deadline(Bus &bus) {
  const uint64_t now = monotonic_ms();
  if (now >= bus.deadline) {
    if (bus.is_late) return problem("no answer in time", "the system bus");
    bus.is_late = true;
    bus.deadline += kLastPatienceMs - kPatienceMs;
  }
  if (bus.again == 0 || now < bus.again) return kDone;
  bus.again = 0;
  return send_all(bus.socket, bus.last);
}

}  // namespace podctl
