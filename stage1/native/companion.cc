#include "companion.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "app.h"
#include "cgroup.h"
#include "clock.h"
#include "files.h"

namespace podctl {
namespace {

constexpr unsigned long kGetUsers = 0xb701;  // NS_GET_USERNS of ioctl_ns(2)

Outcome<uint64_t> inode_of(int file) {
  struct statx info{};
  TRY(check(sys::statx(file, "", AT_EMPTY_PATH, STATX_INO, &info), "statx", "a namespace"));
  return info.stx_ino;
}

bool is_taken(const Pod &pod, const App &app, uint32_t number) {
  for (const Companion *one = pod.companions; one != nullptr; one = one->next) {
    if (one->app == &app && one->number == number) return true;
  }
  return false;
}

/** A place for one more, which nobody has yet. */
Companion &find_place(Pod &pod) {
  Companion *place = pod.companions;
  while (place != nullptr && place->app != nullptr) place = place->next;
  if (place != nullptr) return *place;
  place = pod.arena.array<Companion>(1);
  place->next = pod.companions;
  pod.companions = place;
  return *place;
}

/** A cgroup that nobody has: of one that has ended, something may still be about to. */
Outcome<> make_cgroup(const Pod &pod, const App &app, Companion &companion) {
  for (uint32_t number = 0; number < kMaxCompanions; ++number) {
    if (is_taken(pod, app, number)) continue;
    Outcome<Fd> made = make_companion_cgroup(app.cgroup, number);
    if (!made.ok() && made.failure->error == EEXIST) continue;
    companion.cgroup = TRY(static_cast<Outcome<Fd> &&>(made));
    companion.number = number;
    return kDone;
  }
  return problem("too many programs run in it beside its own", app.name);
}

/** Back to what a new one is, but for its place and its memory. */
void clear(Companion &companion) {
  Companion fresh;
  fresh.next = companion.next;
  fresh.said = companion.said;
  fresh.said.clear();
  companion = static_cast<Companion &&>(fresh);
}

Outcome<> start(Pod &pod, App &app, const Visit &visit, Companion &companion) {
  Fd null;
  Fd out;
  ChildFiles files;
  files.in = visit.in;
  files.out = visit.out;
  files.err = visit.err;
  if (visit.in < 0) {
    null = TRY(open_at(AT_FDCWD, "/dev/null", O_RDONLY));
    files.in = null.get();
  }
  if (visit.out < 0) {
    TRY(make_pipe_to_init(companion.output, out));
    TRY(give_pipe(pod.users, app, out));
    files.out = files.err = out.get();
  }
  TRY(make_cgroup(pod, app, companion));
  TRY(make_pipe_to_init(companion.start_report, files.report));
  companion.pid = TRY(clone_into_app(app, 0));
  if (companion.pid == 0) run_child(pod, app, Errand{Part::companion, &visit, companion.cgroup.get()}, files);
  return kDone;
}

}  // namespace

Outcome<Companion *> start_companion(Pod &pod, App &app, const Visit &visit) {
  if (app.state != App::State::running) return problem("its program does not run", app.name);
  Companion &companion = find_place(pod);
  clear(companion);
  if (!companion.said.has_memory()) companion.said = Excerpt(static_cast<char *>(pod.arena.bytes(kKeptOutput)), kKeptOutput);
  Outcome<> started = start(pod, app, visit, companion);
  if (!started.ok()) {
    if (companion.cgroup.is_open()) remove_companion_cgroup(app.cgroup, companion.number);
    clear(companion);
    started.failure->app = app.name;
    return started.failure;
  }
  companion.app = &app;
  companion.purpose = visit.purpose;
  companion.timeout_ms = visit.timeout_ms;
  if (visit.timeout_ms != 0) companion.deadline = monotonic_ms() + visit.timeout_ms;
  ++app.companions;
  return &companion;
}

Outcome<Fd> open_view_of_main(const Pod &pod, const App &app) {
  Buffer<64> path;
  path << "/proc/" << static_cast<int64_t>(app.pid) << "/ns/mnt";  // still ours to reap: no other has its number
  Outcome<Fd> view = open_at(AT_FDCWD, path.text(), O_RDONLY);
  if (!view.ok()) return Failure{"openat2", view.failure->error, "/proc/PID/ns/mnt"};
  const Fd owner(TRY(check(sys::ioctl(view.value.get(), kGetUsers, nullptr), "ioctl", "NS_GET_USERNS")));
  const Fd own = TRY(open_at(AT_FDCWD, "/proc/self/ns/user", O_RDONLY));
  const uint64_t wanted = TRY(inode_of(pod.users.are_own() ? pod.users.space.get() : own.get()));
  if (TRY(inode_of(owner.get())) != wanted) return problem("its main process has moved to mounts and users of its own", app.name);
  return view;
}

Outcome<> become_companion(Pod &pod, const App &app, Identity &identity, const Visit &visit) {
  if (visit.is_root) {
    identity.uid = identity.gid = 0;
    identity.groups = nullptr;
  }
  if (visit.has_terminal) TRY(check(sys::ioctl(0, TIOCSCTTY, nullptr), "ioctl", "TIOCSCTTY"));
  TRY(assume(identity));
  Program program = visit.program;
  if (program.environment == nullptr) program.environment = environment_of(pod.arena, app.first, app.last);
  return execute(pod.arena, identity, program);
}

}  // namespace podctl
