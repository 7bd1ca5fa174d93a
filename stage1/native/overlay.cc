// The overlay of an app's root.
//
// Its directories are given to the kernel as numbers of descriptors, relative to /proc/self/fd: so a list of 500 layers fits
// into the one page that mount(2) takes, no path needs escaping, and the app's /proc/self/mounts tells nothing of the host.
// (fsconfig(2) takes 255 bytes per value before Linux 6.5, and "lowerdir+" comes with 6.7. The development kernel is 6.1.)
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel.h"
#include "mount_copy.h"
#include "mounts.h"
#include "paths.h"

namespace podctl {
namespace {

constexpr size_t kFirstLower = 3;
constexpr size_t kMostLayers = 500;  // check.cc refuses more
constexpr size_t kPage = 4096;
constexpr size_t kPathMax = 4096;
constexpr Text kShelf = "/mapped";

/** The directories of one overlay, open for what they name. */
struct Layers {
  /** What holds the mapped copies while the overlay is mounted; closed if there are none. */
  Fd shelf{};
  /** The mapped copy of the directory that has `upper` and `work`. */
  Fd own{};
  Fd upper{};
  Fd work{};
  Fd lowers[kMostLayers]{};
};

Outcome<> open_layers(const Places &places, const Op &op, Layers &layers) {
  const int source = places.source.get();
  layers.upper = TRY(open_below(source, op[1], O_DIRECTORY));
  layers.work = TRY(open_below(source, op[2], O_DIRECTORY));
  for (size_t i = kFirstLower; i < op.count; ++i) layers.lowers[i - kFirstLower] = TRY(open_below(source, op[i], O_DIRECTORY));
  return kDone;
}

/** A copy of the mount at `directory` that is the pod's users', attached at `target`: before Linux 6.15 a layer has to be. */
Outcome<Fd> attach_mapped(const Places &places, const Fd &directory, const Fd &target, Text object) {
  Fd copy = TRY(copy_mount(directory.get(), false, object));
  TRY(map_mount(copy.get(), *places.users, false, object));
  TRY(attach(copy.get(), target.get(), object));
  return copy;
}

/** `path` without its last component, and that component as an absolute path. */
Text parent_of(Text path, Text &name) {
  size_t slash = path.size;
  while (slash > 1 && path[slash - 1] != '/') --slash;
  name = path.from(slash - 1);
  return path.first(slash - 1);
}

/** The upper and the work directory must be on one mount: so the directory they share is copied. */
Outcome<> map_own(const Places &places, const Op &op, const Fd &place, Layers &layers) {
  Text upper, work;
  const Text parent = parent_of(op[1], upper);
  if (parent != parent_of(op[2], work)) return problem("the upper and the work directory are not side by side", op[1]);
  Buffer<kPathMax> path;
  path << parent << '/';
  if (path.overflowed()) return problem("longer than a path can be", op[1]);
  const Fd directory = TRY(open_below(places.source.get(), path.text(), O_DIRECTORY));
  layers.own = TRY(attach_mapped(places, directory, place, op[1]));
  layers.upper = TRY(open_below(layers.own.get(), upper, O_DIRECTORY));
  layers.work = TRY(open_below(layers.own.get(), work, O_DIRECTORY));
  return kDone;
}

/** Replaces the layers by mapped copies. They lie on a mount of their own, with which they all go at once. */
Outcome<> map_layers(const Places &places, const Op &op, Layers &layers) {
  const int root = places.root.get();
  const Fd below = TRY(make_directory(root, kShelf, 0700));
  layers.shelf = TRY(copy_mount(below.get(), false, kShelf));
  TRY(attach(layers.shelf.get(), below.get(), kShelf));
  const Fd own = TRY(make_directory(layers.shelf.get(), "/own", 0700));
  const Fd lower = TRY(make_directory(layers.shelf.get(), "/lower", 0700));
  TRY(map_own(places, op, own, layers));
  for (size_t i = kFirstLower; i < op.count; ++i) {
    Fd &layer = layers.lowers[i - kFirstLower];
    layer = TRY(attach_mapped(places, layer, lower, op[i]));  // each on top of the one before
  }
  return kDone;
}

Outcome<> mount_layers(const Places &places, const Op &op, const Layers &layers) {
  const Fd target = TRY(make_directory(places.root.get(), op[0], 0755));
  Buffer<kPage> options;
  options << "upperdir=" << layers.upper.get() << ",workdir=" << layers.work.get() << ",lowerdir=";
  for (size_t i = kFirstLower; i < op.count; ++i) {
    if (i > kFirstLower) options << ':';
    options << layers.lowers[i - kFirstLower].get();
  }
  if (options.overflowed()) return problem("too many layers for one mount", op[0]);
  Buffer<16> numbers[2];
  numbers[0] << target.get();
  numbers[1] << layers.shelf.get();
  TRY(check(sys::chdir("/proc/self/fd"), "chdir", "/proc/self/fd"));
  const sys::Result mounted = sys::mount("overlay", numbers[0].c_str(), "overlay", 0, options.c_str());
  const sys::Result cleared = layers.shelf.is_open() ? sys::umount2(numbers[1].c_str(), kMountDetach) : 0;
  TRY(check(sys::chdir("/"), "chdir", "/"));
  TRY(check(mounted, "mount", op[0]));
  TRY(check(cleared, "umount2", kShelf));
  return kDone;
}

}  // namespace

Outcome<> mount_overlay(const Places &places, const Op &op) {
  Layers layers;
  TRY(open_layers(places, op, layers));
  if (places.users->are_own()) TRY(map_layers(places, op, layers));
  return mount_layers(places, op, layers);
}

}  // namespace podctl
