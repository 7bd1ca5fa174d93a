#include "target.h"

#include <asm/poll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "cgroup.h"
#include "files.h"

namespace podctl {
namespace {

/** The lock is among the first files that a pod's init has. */
constexpr int kMostFiles = 1024;
/** cgroup.procs of an app: some 100,000 processes. */
constexpr size_t kMostProcs = 1024 * 1024;
constexpr size_t kPage = 4096;
constexpr unsigned long kGetParent = 0xb702;  // NS_GET_PARENT

Failure not_running(Text operation, Text detail) {
  Failure failure = problem(detail);
  failure.operation = operation;
  return failure;
}

/** `users` of a process are looked at under this name: its number means nothing to a reader. */
constexpr Text kUsers = "user namespace";

Failure pod_is_over() { return not_running("pod-wrong-state", "the pod is not running"); }

/** The value of the line `key=value` or `key:value`, less blanks. */
Text value_of(Text rest, Text key) {
  while (!rest.empty()) {
    Text line = split(rest, '\n');
    if (!line.starts_with(key)) continue;
    line = line.from(key.size);
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line = line.from(1);
    return line;
  }
  return {};
}

/** Whether the file `fd` of process `pid` is `directory`, with an exclusive flock on it. */
bool is_lock(long pid, int fd, const struct statx &directory) {
  Buffer<64> path;
  path << "/proc/" << static_cast<int64_t>(pid) << "/fd/" << fd;
  struct statx info{};
  if (sys::failed(sys::statx(AT_FDCWD, path.c_str(), 0, STATX_INO, &info))) return false;
  if (info.stx_ino != directory.stx_ino || info.stx_dev_major != directory.stx_dev_major ||
      info.stx_dev_minor != directory.stx_dev_minor) {
    return false;
  }
  Buffer<64> details;
  details << "/proc/" << static_cast<int64_t>(pid) << "/fdinfo/" << fd;
  char buffer[kPage];
  const Outcome<Text> text = read_file(AT_FDCWD, details.text(), buffer, sizeof buffer);
  if (!text.ok()) return false;
  // "lock:	1: FLOCK  ADVISORY  WRITE …"
  Text lock = value_of(text.value, "lock:");
  static_cast<void>(split(lock, ' '));
  return lock.starts_with("FLOCK") && lock.find('W') < lock.size;
}

/** Whether process `pid` keeps the pod's lock: then it is the pod's init. */
Outcome<bool> holds_lock(long pid, const Fd &directory) {
  struct statx info{};
  TRY(check(sys::statx(directory.get(), "", AT_EMPTY_PATH, STATX_INO, &info), "statx", "the pod's directory"));
  for (int fd = 0; fd < kMostFiles; ++fd) {
    if (is_lock(pid, fd, info)) return true;
  }
  return false;
}

/** Holds a process by its number. A closed Fd if there is none. */
Outcome<Fd> hold(uint64_t pid) {
  const sys::Result process = sys::pidfd_open(static_cast<long>(pid));
  if (process == -ESRCH || process == -EINVAL) return Fd();  // EINVAL: the number is a thread's by now
  return Fd(TRY(check(process, "pidfd_open")));
}

Outcome<> find_init(const Fd &directory, Target &target) {
  char buffer[64];
  const Outcome<Text> text = read_file(directory.get(), "pid", buffer, sizeof buffer);
  uint64_t pid = 0;
  if (!text.ok() || !parse_decimal(text.value.first(text.value.find('\n')), pid)) return pod_is_over();
  target.init = TRY(hold(pid));
  target.init_pid = static_cast<long>(pid);
  if (!target.init.is_open() || !TRY(holds_lock(target.init_pid, directory))) return pod_is_over();
  return kDone;
}

/** Number of process `pid` in the innermost of its PID namespaces; 0 if it is gone. */
uint64_t inner_pid(uint64_t pid) {
  Buffer<64> path;
  path << "/proc/" << pid << "/status";
  char buffer[kPage];
  const Outcome<Text> text = read_file(AT_FDCWD, path.text(), buffer, sizeof buffer);
  if (!text.ok()) return 0;
  Text numbers = value_of(text.value, "NSpid:");
  Text last = {};
  while (!numbers.empty()) last = split(numbers, '\t');
  uint64_t inner = 0;
  return parse_decimal(last, inner) ? inner : 0;
}

/** The number, out here, of the process of `cgroup` that is number `inner` in the pod; 0 if there is none. */
Outcome<uint64_t> outer_pid(char *buffer, const Fd &cgroup, uint64_t inner) {
  Text rest = TRY(read_file(cgroup.get(), "cgroup.procs", buffer, kMostProcs));
  while (!rest.empty()) {
    uint64_t pid = 0;
    if (parse_decimal(split(rest, '\n'), pid) && pid != 0 && inner_pid(pid) == inner) return pid;
  }
  return uint64_t{0};
}

/** What the init has noted of the app's process: its number in the pod. 0 if it does not run. */
uint64_t noted_pid(int directory, Text app) {
  Buffer<300> path;
  path << "status/" << app;
  char buffer[kPage];
  const Outcome<Text> text = read_file(directory, path.text(), buffer, sizeof buffer);
  uint64_t pid = 0;
  if (!text.ok() || value_of(text.value, "state=") != "running") return 0;
  return parse_decimal(value_of(text.value, "pid="), pid) ? pid : 0;
}

Outcome<Fd> users_of(Text process) {
  Buffer<64> path;
  path << "/proc/" << process << "/ns/user";
  return Fd(TRY(check(sys::openat2(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0, 0), "openat2", kUsers)));
}

Outcome<uint64_t> inode_of(const Fd &file) {
  struct statx info{};
  TRY(check(sys::statx(file.get(), "", AT_EMPTY_PATH, STATX_INO, &info), "statx", kUsers));
  return info.stx_ino;
}

/**
 * The app's process must be among the pod's users, be they the host's or a namespace made by this host's root. In a user
 * namespace of its own making it is root, and could have put programs of its own where the command's are looked for.
 */
Outcome<> check_users(bool are_own, uint64_t pid) {
  Buffer<32> name;
  name << pid;
  Fd users = TRY(users_of(name.text()));
  const Fd ours = TRY(users_of("self"));
  if (are_own) users = Fd(TRY(check(sys::ioctl(users.get(), kGetParent, nullptr), "ioctl", kUsers)));
  if (TRY(inode_of(users)) == TRY(inode_of(ours))) return kDone;
  return not_running("enter-failed", "the app's process has moved to a user namespace of its own");
}

}  // namespace

Failure app_is_over() { return not_running("app-not-running", "the app is not running"); }

bool is_alive(const Fd &process) {
  pollfd poll{process.get(), POLLIN, 0};
  constexpr sys::Time kNow{0, 0};
  return sys::ppoll(&poll, 1, &kNow) == 0;
}

namespace {

/** The app's process: that which the init has noted, in the app's cgroup, which is below `cgroups` at `prefix`. */
Outcome<> find_app_process(Arena &arena, Target &target, int directory, int cgroups, Text prefix, bool has_own_users, const Op &app) {
  const uint64_t noted = noted_pid(directory, app[0]);
  if (noted == 0) return app_is_over();
  Buffer<300> path;
  path << prefix << app[1];
  Outcome<Fd> cgroup = open_at(cgroups, path.text(), kOpenDirectory);
  if (!cgroup.ok()) return app_is_over();
  target.cgroup = static_cast<Fd &&>(cgroup.value);
  auto *const buffer = static_cast<char *>(arena.bytes(kMostProcs));
  const uint64_t pid = TRY(outer_pid(buffer, target.cgroup, noted));
  if (pid == 0) return app_is_over();
  target.process = TRY(hold(pid));
  if (!target.process.is_open() || TRY(outer_pid(buffer, target.cgroup, noted)) != pid) return app_is_over();
  const Outcome<> checked = check_users(has_own_users, pid);
  if (!is_alive(target.process)) return app_is_over();
  return checked;
}

}  // namespace

Outcome<Target> find_target(Arena &arena, Text pod_directory, bool has_own_users, const Op &app) {
  Target target;
  const Fd directory = TRY(open_at(AT_FDCWD, pod_directory, kOpenDirectory));
  TRY(find_init(directory, target));
  const Outcome<Fd> unit = open_unit_of(target.init_pid);
  // What was read of a process by its number is true if it still lives now that it is held.
  if (!is_alive(target.init)) return pod_is_over();
  if (!unit.ok()) return unit.failure;
  const Outcome<> found = find_app_process(arena, target, directory.get(), unit.value.get(), "apps/", has_own_users, app);
  if (found.ok()) return target;
  // Cgroups go with a pod that ends while it is looked at.
  return is_alive(target.init) ? *found.failure : pod_is_over();
}

Outcome<Target> find_target_inside(Arena &arena, int directory, int cgroups, bool has_own_users, const Op &app) {
  Target target;
  target.init_pid = 1;
  TRY(find_app_process(arena, target, directory, cgroups, "", has_own_users, app));
  return target;
}

}  // namespace podctl
