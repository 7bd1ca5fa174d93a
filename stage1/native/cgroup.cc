#include "cgroup.h"

#include <asm/poll.h>
#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>

#include "clock.h"
#include "files.h"

namespace podctl {
namespace {

constexpr size_t kPathMax = 4096;
constexpr Text kSupervisor = "/supervisor";

/** Where cgroup v2 is mounted: alone, or beside the v1 hierarchies. */
Outcome<Fd> open_hierarchy() {
  Fd root = TRY(open_at(AT_FDCWD, "/sys/fs/cgroup", kOpenDirectory));
  struct statfs info{};
  TRY(check(sys::fstatfs(root.get(), &info), "fstatfs", "/sys/fs/cgroup"));
  if (info.f_type == CGROUP2_SUPER_MAGIC) return root;
  return open_at(AT_FDCWD, "/sys/fs/cgroup/unified", kOpenDirectory);
}

/** The line of cgroup v2, "0::/path", without its first slash. */
Outcome<Text> path_of(Text process, char *buffer, size_t capacity) {
  Buffer<64> file;
  file << "/proc/" << process << "/cgroup";
  const Outcome<Text> read = read_file(AT_FDCWD, file.text(), buffer, capacity);
  if (!read.ok()) return Failure{read.failure->syscall, read.failure->error, "/proc/PID/cgroup"};
  Text rest = read.value;
  while (!rest.empty()) {
    const Text line = split(rest, '\n');
    if (line.starts_with("0::/")) return line.from(4);
  }
  return problem("this host has no cgroup v2", "/proc");
}

/** The unit's cgroup: systemd puts the main process into it, or into `supervisor` already (DelegateSubgroup=). */
Outcome<Fd> open_unit(Text process) {
  char buffer[kPathMax];
  Text path = TRY(path_of(process, buffer, sizeof buffer - 1));
  if (path == kSupervisor.from(1)) path = {};
  if (path.size > kSupervisor.size && path.from(path.size - kSupervisor.size) == kSupervisor) {
    path = path.first(path.size - kSupervisor.size);
  }
  const Fd hierarchy = TRY(open_hierarchy());
  Buffer<kPathMax> relative;
  relative << "./" << path;
  Outcome<Fd> unit = open_at(hierarchy.get(), relative.text(), kOpenDirectory);
  if (!unit.ok()) return Failure{"openat2", unit.failure->error, "/sys/fs/cgroup", "the unit's cgroup"};
  return unit;
}

constexpr size_t kControllers = 256;  // bytes of a list of all that Linux has, some times over

/** The controller of a cgroup's file: `memory` of `memory.max`. */
Text controller_of(Text file) { return file.first(file.find('.')); }

bool is_needed(Text controller, const Plan &plan) {
  for (const Op &op : plan) {
    if (op.kind == OpKind::cgroup && controller_of(op[0]) == controller) return true;
  }
  return false;
}

/** The controllers that `cgroup` can hand on, as one line. */
Outcome<Text> controllers_of(int cgroup, char *buffer, size_t capacity) {
  const Text line = TRY(read_file(cgroup, "cgroup.controllers", buffer, capacity));
  return line.first(line.find('\n'));
}

bool has_word(Text words, Text wanted) {
  while (!words.empty()) {
    if (split(words, ' ') == wanted) return true;
  }
  return false;
}

void put_companion(Writer &name, uint32_t number) { name << "companion-" << number; }

}  // namespace

Outcome<Cgroups> make_cgroups() {
  Cgroups cgroups;
  cgroups.unit = TRY(open_unit("self"));
  // A new one if possible, for the reason that make_app_cgroup has.
  // ignored: one that has processes is the launcher's own (DelegateSubgroup=), or somebody's who is about to end
  static_cast<void>(sys::unlinkat(cgroups.unit.get(), "supervisor", AT_REMOVEDIR));
  TRY(ensure_directory(cgroups.unit.get(), "supervisor", 0755));
  cgroups.supervisor = TRY(open_at(cgroups.unit.get(), "supervisor", kOpenDirectory));
  TRY(ensure_directory(cgroups.unit.get(), "apps", 0755));
  cgroups.apps = TRY(open_at(cgroups.unit.get(), "apps", kOpenDirectory));
  return cgroups;
}

Outcome<> enable_controllers(const Cgroups &cgroups, const Plan &plan) {
  char buffer[kControllers];
  Buffer<kControllers> wanted;
  for (Text rest = TRY(controllers_of(cgroups.unit.get(), buffer, sizeof buffer)); !rest.empty();) {
    const Text controller = split(rest, ' ');
    if (is_needed(controller, plan)) wanted << (wanted.text().empty() ? "+" : " +") << controller;
  }
  if (wanted.text().empty()) return kDone;
  // The kernel refuses controllers below a cgroup that has processes of its own.
  TRY(write_file(cgroups.supervisor.get(), "cgroup.procs", "0"));  // the writer
  TRY(write_file(cgroups.unit.get(), "cgroup.subtree_control", wanted.text()));
  return write_file(cgroups.unit.get(), "apps/cgroup.subtree_control", wanted.text());
}

Outcome<Fd> open_unit_of(long pid) {
  Buffer<32> process;
  process << static_cast<int64_t>(pid);
  return open_unit(process.text());
}

Outcome<> remove_app_cgroup(const Fd &apps, Text name) {
  sys::Result removed = sys::unlinkat(apps.get(), name.c_str(), AT_REMOVEDIR);
  if (removed == -EBUSY) {
    const Fd app = TRY(open_at(apps.get(), name, kOpenDirectory));
    for (uint32_t number = 0; number < kMaxCompanions; ++number) remove_companion_cgroup(app, number);
    removed = sys::unlinkat(apps.get(), name.c_str(), AT_REMOVEDIR);
  }
  if (removed != -ENOENT) TRY(check(removed, "unlinkat", name));
  return kDone;
}

Outcome<Fd> make_companion_cgroup(const Fd &app, uint32_t number) {
  // None but the core's own files: its processes count as the app's for every controller.
  remove_companion_cgroup(app, number);
  Buffer<32> name;
  put_companion(name, number);
  TRY(check(sys::mkdirat(app.get(), name.c_str(), 0755), "mkdirat", "the companion's cgroup"));
  return open_at(app.get(), name.text(), kOpenDirectory);
}

void remove_companion_cgroup(const Fd &app, uint32_t number) {
  Buffer<32> name;
  put_companion(name, number);
  // ignored: it is tried again before the next one is made, and with the app's own
  static_cast<void>(sys::unlinkat(app.get(), name.c_str(), AT_REMOVEDIR));
}

Outcome<Fd> make_app_cgroup(const Fd &apps, Text name) {
  // Always a new one: since cgroup.kill remembers that it was used (Linux 6.14, and stable kernels with "cgroup: fix race
  // between fork and cgroup.kill"), whatever clone3 puts into an old one with CLONE_INTO_CGROUP is killed at once.
  TRY(remove_app_cgroup(apps, name));
  TRY(check(sys::mkdirat(apps.get(), name.c_str(), 0755), "mkdirat", name));
  return open_at(apps.get(), name, kOpenDirectory);
}

Outcome<> set_limit(Arena &arena, const Fd &cgroup, Text file, Text value) {
  Outcome<> written = write_file(cgroup.get(), file, value);
  if (written.ok()) return written;
  char buffer[kControllers];
  const Outcome<Text> given = controllers_of(cgroup.get(), buffer, sizeof buffer);
  Buffer<kControllers> detail;
  if (given.ok() && !has_word(given.value, controller_of(file))) {
    detail << "the host gives the pod no cgroup controller \"" << controller_of(file) << '"';
  } else if (written.failure->error == ENOENT) {
    detail << "the kernel has no such limit";
  } else {
    detail << "the kernel refuses \"" << value << '"';
  }
  written.failure->detail = arena.copy(detail.text());
  return written;
}

constexpr Text kEvents = "cgroup.events";
constexpr Text kEmpty = "populated 0";

bool is_populated(const Fd &cgroup) {
  char buffer[128];
  const Outcome<Text> events = read_file(cgroup.get(), kEvents, buffer, sizeof buffer);
  return !events.ok() || !events.value.starts_with(kEmpty);  // when in doubt, what kills finds nobody
}

void await_empty(const Fd &cgroup, uint64_t milliseconds) {
  const Outcome<Fd> events = open_at(cgroup.get(), kEvents, O_RDONLY);
  if (!events.ok()) return;
  const uint64_t end = monotonic_ms() + milliseconds;
  while (monotonic_ms() < end) {
    // Reading is what poll(2) tells changes against.
    char buffer[128];
    const sys::Result got = sys::pread(events.value.get(), buffer, sizeof buffer, 0);
    if (got <= 0 || Text(buffer, static_cast<size_t>(got)).starts_with(kEmpty)) return;
    pollfd poll{events.value.get(), POLLPRI, 0};
    const sys::Time timeout = time_until(end);
    if (sys::failed(sys::ppoll(&poll, 1, &timeout))) return;
  }
}

bool is_moving(const Fd &cgroup) {
  constexpr Text kFrozen = "frozen 1";
  char buffer[128];
  const Outcome<Text> events = read_file(cgroup.get(), kEvents, buffer, sizeof buffer);
  for (Text rest = events.ok() ? events.value : Text(); !rest.empty();) {
    if (split(rest, '\n') == kFrozen) return false;
  }
  return true;
}

uint64_t count_oom_kills(const Fd &cgroup) {
  constexpr Text kKey = "oom_kill ";
  char buffer[256];
  const Outcome<Text> events = read_file(cgroup.get(), "memory.events", buffer, sizeof buffer);
  uint64_t count = 0;
  for (Text rest = events.ok() ? events.value : Text(); !rest.empty();) {
    const Text line = split(rest, '\n');
    if (line.starts_with(kKey)) parse_decimal(line.from(kKey.size), count);
  }
  return count;
}

Outcome<> thaw_cgroup(const Fd &cgroup) { return write_file(cgroup.get(), "cgroup.freeze", "0"); }

Outcome<> kill_cgroup(const Fd &cgroup) { return write_file(cgroup.get(), "cgroup.kill", "1"); }

}  // namespace podctl
