#include "seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

namespace podctl {
namespace {

constexpr size_t kDigits = 2 * sizeof(sock_filter);

}  // namespace

const char *fault_of_filter(Text hex) {
  if (hex.empty() || hex.size % kDigits != 0) return "not a row of whole instructions";
  return hex.size / kDigits <= kMostInstructions ? nullptr : "more than 4096 instructions";
}

Outcome<> confine(Arena &arena, Text hex) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(hex.size / kDigits);
  auto *const bytes = static_cast<char *>(arena.bytes(hex.size / 2));
  decode_hex(hex, bytes);
  program.filter = reinterpret_cast<sock_filter *>(bytes);
  // No flags: one thread there is, and SPEC_ALLOW would lift the mitigations that filters came with before Linux 5.16.
  TRY(check(sys::seccomp(SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp", "the system call filter"));
  return kDone;
}

}  // namespace podctl
