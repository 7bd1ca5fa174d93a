#include "limits.h"

#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/resource.h>

#include "fd.h"
#include "files.h"

namespace podctl {
namespace {

constexpr uint64_t kMostScore = 1000;

struct Resource {
  Text name;
  int number;
};

constexpr Resource kResources[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},       {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},     {"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},       {"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},   {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
};

/** Number of the resource, or -1. */
int number_of(Text name) {
  for (const Resource &resource : kResources) {
    if (resource.name == name) return resource.number;
  }
  return -1;
}

bool parse_limit(Text text, uint64_t &limit) {
  if (text != "infinity") return parse_decimal(text, limit);
  limit = RLIM64_INFINITY;
  return true;
}

/** Takes the blame for `failure`, whose operation is performed with the app's exec. */
Failure failed_at(const Op &op, Failure failure) {
  failure.operation = op.name();
  failure.line = op.line;
  return failure;
}

Outcome<> set_rlimit(const Op &op) {
  uint64_t soft = 0;
  uint64_t hard = 0;
  if (!parse_limit(op[1], soft) || !parse_limit(op[2], hard)) return problem("not a limit", op[0]);
  const rlimit64 wanted{soft, hard};
  const sys::Result set = sys::prlimit64(0, number_of(op[0]), &wanted, nullptr);
  if (!sys::failed(set)) return kDone;
  Failure failure{"prlimit64", static_cast<int>(-set), op[0]};
  if (set == -EPERM) failure.detail = "the host refuses to raise this hard limit: it gives no CAP_SYS_RESOURCE";
  return failed_at(op, failure);
}

/** The root may be an image's by now: nothing but a real /proc will do. */
Outcome<Fd> open_proc() {
  Fd proc(TRY(check(sys::openat2(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS), "openat2", "/proc")));
  struct statfs info{};
  TRY(check(sys::fstatfs(proc.get(), &info), "fstatfs", "/proc"));
  if (info.f_type != PROC_SUPER_MAGIC) return problem("not the kernel's", "/proc");
  return proc;
}

Outcome<> set_oom_score(const Op &op) {
  Outcome<Fd> proc = open_proc();
  if (!proc.ok()) return failed_at(op, *proc.failure);
  const Outcome<> written = write_file(proc.value.get(), "self/oom_score_adj", op[0]);
  if (written.ok()) return kDone;
  Failure failure = *written.failure;
  if (failure.error == EACCES || failure.error == EPERM) {
    failure.detail = "the host refuses to lower it: it gives no CAP_SYS_RESOURCE";
  }
  return failed_at(op, failure);
}

}  // namespace

bool is_rlimit(const Op &op) {
  uint64_t soft;
  uint64_t hard;
  return number_of(op[0]) >= 0 && parse_limit(op[1], soft) && parse_limit(op[2], hard) && soft <= hard;
}

bool is_oom_score(Text value) {
  uint64_t number;
  const bool negative = value.starts_with("-");
  return parse_decimal(negative ? value.from(1) : value, number) && number <= kMostScore;
}

Outcome<> limit_process(const Identity &identity) {
  if (identity.oom_score != nullptr) TRY(set_oom_score(*identity.oom_score));
  for (const Op *op = identity.rlimits; op != nullptr && op != identity.rlimits_end; ++op) {
    if (op->kind == OpKind::rlimit) TRY(set_rlimit(*op));
  }
  return kDone;
}

}  // namespace podctl
