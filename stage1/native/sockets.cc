#include "sockets.h"

#include <linux/fcntl.h>

namespace podctl {
namespace {

size_t count_of(const Op &listen) { return listen.count / 2; }

bool is_inherited(const Plan &plan, uint64_t number) {
  for (const Op &op : plan) {
    if (op.kind == OpKind::inherit && op[0] == "socket" && op.number(1) == number) return true;
  }
  return false;
}

/** Names are joined by colons. */
bool is_socket_name(Text name) {
  constexpr size_t kLongest = 255;
  if (name.empty() || name.size > kLongest) return false;
  for (size_t i = 0; i < name.size; ++i) {
    if (name[i] < ' ' || name[i] > '~' || name[i] == ':') return false;
  }
  return true;
}

Outcome<int> find_socket(const Pod &pod, Text number) {
  uint64_t wanted = 0;
  parse_decimal(number, wanted);
  for (size_t i = 0; i < pod.socket_count; ++i) {
    if (pod.sockets[i].number == wanted) return pod.sockets[i].file.get();
  }
  return problem("the pod has no such socket", number);
}

}  // namespace

const char *fault_of_listen(const Plan &plan, const Op &op) {
  if (op.count == 0 || op.count % 2 != 0 || count_of(op) > kMaxSockets) return "not 1 to 64 pairs of a file and its name";
  for (size_t i = 0; i < op.count; i += 2) {
    uint64_t number = 0;
    if (!parse_decimal(op[i], number) || !is_inherited(plan, number)) return "not a socket of the head";
    if (!is_socket_name(op[i + 1])) return "not the name of a socket";
  }
  return nullptr;
}

Outcome<> keep_socket(Pod &pod, uint64_t number, Fd file) {
  if (pod.sockets == nullptr) pod.sockets = pod.arena.array<PassedSocket>(kMaxSockets);
  if (pod.socket_count == kMaxSockets) return problem("more than 64 sockets");
  PassedSocket &socket = pod.sockets[pod.socket_count++];
  socket.number = number;
  socket.file = static_cast<Fd &&>(file);
  return kDone;
}

Outcome<Raised> raise_sockets(const Pod &pod, const Op &listen, int report) {
  Raised raised;
  raised.sockets = count_of(listen);
  const long above = kFirstSocket + static_cast<long>(raised.sockets) + 1;
  for (size_t i = 0; i <= raised.sockets; ++i) {
    const int from = i < raised.sockets ? TRY(find_socket(pod, listen[2 * i])) : report;
    raised.numbers[i] = static_cast<int>(TRY(check(sys::fcntl(from, F_DUPFD_CLOEXEC, above), "fcntl")));
  }
  return raised;
}

Outcome<int> place_sockets(const Raised &raised) {
  const int report = kFirstSocket + static_cast<int>(raised.sockets);
  TRY(check(sys::dup3(raised.numbers[raised.sockets], report, O_CLOEXEC), "dup3"));
  for (size_t i = 0; i < raised.sockets; ++i) {
    TRY(check(sys::dup3(raised.numbers[i], kFirstSocket + static_cast<int>(i), 0), "dup3", "a socket of the unit"));
  }
  return report;
}

const char *const *with_listen_variables(Arena &arena, const char *const *environment, const Op &listen) {
  size_t count = 0;
  while (environment[count] != nullptr) ++count;
  const char **const result = arena.array<const char *>(count + 4);
  for (size_t i = 0; i < count; ++i) result[i] = environment[i];
  Buffer<64> pid;
  pid << "LISTEN_PID=" << static_cast<int64_t>(sys::getpid());
  Buffer<64> number;
  number << "LISTEN_FDS=" << static_cast<uint64_t>(count_of(listen));
  Buffer<kMaxSockets * 256> names;
  names << "LISTEN_FDNAMES=";
  for (size_t i = 1; i < listen.count; i += 2) names << (i == 1 ? "" : ":") << listen[i];
  const Text variables[] = {pid.text(), number.text(), names.text()};
  for (const Text &variable : variables) result[count++] = arena.copy(variable).c_str();
  return result;
}

}  // namespace podctl
