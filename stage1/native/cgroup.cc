#include "cgroup.h"

#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>

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
  Text rest = TRY(read_file(AT_FDCWD, file.text(), buffer, capacity));
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

/** Controllers of a list that cannot be enabled are left out: the operation `cgroup` says so if one of them is needed. */
void enable_one_by_one(int cgroup, Text controllers) {
  while (!controllers.empty()) {
    Buffer<64> one;
    one << '+' << split(controllers, ' ');
    const Outcome<> ignored = write_file(cgroup, "cgroup.subtree_control", one.text());
    static_cast<void>(ignored);  // ignored: see above
  }
}

/** One write for all: a threaded controller enabled alone would turn the cgroup into one that cannot have the others. */
void enable_all(int cgroup, Text controllers) {
  if (controllers.empty()) return;
  Buffer<512> all;
  for (Text rest = controllers; !rest.empty();) all << '+' << split(rest, ' ') << ' ';
  if (!write_file(cgroup, "cgroup.subtree_control", all.text()).ok()) enable_one_by_one(cgroup, controllers);
}

}  // namespace

Outcome<Cgroups> make_cgroups() {
  Cgroups cgroups;
  cgroups.unit = TRY(open_unit("self"));
  TRY(ensure_directory(cgroups.unit.get(), "supervisor", 0755));
  TRY(ensure_directory(cgroups.unit.get(), "apps", 0755));
  cgroups.apps = TRY(open_at(cgroups.unit.get(), "apps", kOpenDirectory));
  return cgroups;
}

Outcome<Fd> open_unit_of(long pid) {
  Buffer<32> process;
  process << static_cast<int64_t>(pid);
  return open_unit(process.text());
}

Outcome<> populate(const Fd &unit, const Fd &apps, long init) {
  // The kernel refuses controllers below a cgroup that has processes of its own, hence these moves come first.
  Buffer<32> pid;
  pid << static_cast<int64_t>(init);
  TRY(write_file(unit.get(), "supervisor/cgroup.procs", pid.text()));
  TRY(write_file(unit.get(), "supervisor/cgroup.procs", "0"));  // the writer
  char buffer[256];
  const Text line = TRY(read_file(unit.get(), "cgroup.controllers", buffer, sizeof buffer));
  const Text controllers = line.first(line.find('\n'));
  enable_all(unit.get(), controllers);
  enable_all(apps.get(), controllers);
  return kDone;
}

Outcome<Fd> make_app_cgroup(const Fd &apps, Text name) {
  // Always a new one: since cgroup.kill remembers that it was used (Linux 6.14, and stable kernels with "cgroup: fix race
  // between fork and cgroup.kill"), whatever clone3 puts into an old one with CLONE_INTO_CGROUP is killed at once.
  const sys::Result removed = sys::unlinkat(apps.get(), name.c_str(), AT_REMOVEDIR);
  if (removed != -ENOENT) TRY(check(removed, "unlinkat", name));
  TRY(check(sys::mkdirat(apps.get(), name.c_str(), 0755), "mkdirat", name));
  return open_at(apps.get(), name, kOpenDirectory);
}

Outcome<> set_limit(const Fd &cgroup, Text file, Text value) {
  Outcome<> written = write_file(cgroup.get(), file, value);
  if (!written.ok() && written.failure->error == ENOENT) {
    written.failure->detail = "the host gives the pod no such cgroup controller";
  }
  return written;
}

Outcome<> kill_cgroup(const Fd &cgroup) { return write_file(cgroup.get(), "cgroup.kill", "1"); }

}  // namespace podctl
