#include "takeover.h"

#include <linux/fcntl.h>

#include "sockets.h"

namespace podctl {
namespace {

constexpr uint64_t kFirstStray = 3;
constexpr long kAboveFixed = 16;
constexpr uint64_t kNone = ~uint64_t{0};

/** Puts `file` where its role says. What has no use yet (stdin) is closed again. */
Outcome<> assign(Pod &pod, Text role, uint64_t number, Fd file) {
  if (role == "socket") return keep_socket(pod, number, static_cast<Fd &&>(file));
  if (role == "lock") pod.lock = static_cast<Fd &&>(file);
  if (role == "caller") pod.caller = static_cast<Fd &&>(file);
  if (role == "stdout") pod.output = TRY(adopt_sink(static_cast<Fd &&>(file)));
  if (role == "stderr") pod.errors = TRY(adopt_sink(static_cast<Fd &&>(file)));
  return kDone;
}

/** The lowest number at or above `from` that an `inherit` names. */
uint64_t next_inherited(const Plan &plan, uint64_t from) {
  uint64_t lowest = kNone;
  for (const Op &op : plan) {
    if (op.kind != OpKind::inherit) continue;
    const uint64_t fd = op.number(1);
    if (fd >= from && fd < lowest) lowest = fd;
  }
  return lowest;
}

}  // namespace

Outcome<> close_strays(const Plan &plan) {
  for (uint64_t first = kFirstStray;;) {
    const uint64_t kept = next_inherited(plan, first);
    const auto last = static_cast<unsigned>(kept == kNone ? ~0U : kept - 1);
    if (first <= last) TRY(check(sys::close_range(static_cast<unsigned>(first), last, 0), "close_range"));
    if (kept == kNone) return kDone;
    first = kept + 1;
  }
}

void close_originals(const Plan &plan) {
  for (uint64_t fd = next_inherited(plan, kFirstStray); fd != kNone; fd = next_inherited(plan, fd + 1)) {
    sys::close(static_cast<int>(fd));  // ignored: one that was not open has failed `inherit`
  }
}

Outcome<> adopt(Pod &pod, const Op &op) {
  const Fd process(TRY(check(sys::pidfd_open(static_cast<long>(op.number(1))), "pidfd_open", op[1])));
  Fd file(TRY(check(sys::pidfd_getfd(process.get(), static_cast<int>(op.number(2))), "pidfd_getfd", op[2])));
  return assign(pod, op[0], op.number(2), static_cast<Fd &&>(file));
}

Outcome<> inherit(Pod &pod, const Op &op) {
  // A copy, so that 1 and 2 stay what they are, and two roles may name the same file.
  const int number = static_cast<int>(op.number(1));
  // An app's child puts files of its own to the lowest numbers before it takes its sockets.
  const long from = op[0] == "socket" ? kAboveFixed : kFirstStray;
  Fd file(TRY(check(sys::fcntl(number, F_DUPFD_CLOEXEC, from), "fcntl", op[1])));
  return assign(pod, op[0], op.number(1), static_cast<Fd &&>(file));
}

}  // namespace podctl
