// Bind mounts: of devices and files for every app, and of volumes.
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel.h"
#include "mount_copy.h"
#include "mounts.h"
#include "paths.h"

namespace podctl {
namespace {

/** The operation's early copy, or a copy made now. Closed if the source is not there and need not be. */
Outcome<Fd> copy_source(const Places &places, const Op &op, const MountFlag &flags) {
  for (EarlyCopy *copy = places.early; copy != nullptr; copy = copy->next) {
    if (copy->op == &op) return static_cast<Fd &&>(copy->mount);
  }
  const Outcome<Fd> source = open_below(places.source.get(), op[0], 0, flags.nofollow ? Links::refused : Links::inside);
  if (!source.ok() && flags.optional && (source.failure->error == ENOENT || source.failure->error == ENOTDIR)) return Fd();
  if (!source.ok()) return source.failure;
  return copy_mount(source.value.get(), flags.recursive, op[0]);
}

}  // namespace

Outcome<> copy_propagating(Arena &arena, Places &places, const Plan &plan) {
  for (const Op &op : plan) {
    if (op.kind != OpKind::bind || op.section != kPod) continue;
    const MountFlag flags = mount_flags(op, 2);
    if (flags.propagation == 0) continue;
    Outcome<Fd> mount = copy_source(places, op, flags);
    if (!mount.ok()) {
      mount.failure->operation = op.name();
      mount.failure->line = op.line;
      return mount.failure;
    }
    auto *copy = arena.array<EarlyCopy>(1);
    copy->op = &op;
    copy->mount = static_cast<Fd &&>(mount.value);
    copy->next = places.early;
    places.early = copy;
  }
  return kDone;
}

Outcome<> bind(const Places &places, const Op &op) {
  const MountFlag flags = mount_flags(op, 2);
  const Fd copy = TRY(copy_source(places, op, flags));
  if (!copy.is_open()) return kDone;
  const bool is_directory = (TRY(mode_of(copy.get(), op[0])) & kFileType) == kDirectory;
  if (flags.idmap) TRY(map_mount(copy.get(), *places.users, flags.recursive, op[0]));
  TRY(set_attributes(copy.get(), flags, op[1]));
  const int root = places.root.get();
  if (flags.replace) TRY(clear_for(root, op[1], is_directory));
  const Fd target = is_directory ? TRY(make_directory(root, op[1], 0755, Links::refused))
                                 : TRY(make_file(root, op[1], 0644, Links::refused));
  return attach(copy.get(), target.get(), op[1]);
}

}  // namespace podctl
