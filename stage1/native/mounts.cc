#include "mounts.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "kernel.h"
#include "mount_copy.h"
#include "paths.h"

namespace podctl {
namespace {

constexpr uint64_t kPrivate = 1U << 18;  // MS_PRIVATE
constexpr uint64_t kSlave = 1U << 19;    // MS_SLAVE
constexpr uint64_t kShared = 1U << 20;   // MS_SHARED
constexpr unsigned kNullMajor = 1;
constexpr unsigned kNullMinor = 3;

/** Sets one `key=value` or `key` of a new file system. */
Outcome<> configure(int fs, Text option) {
  Text value = option;
  Buffer<64> key;
  key << split(value, '=');
  if (key.overflowed()) return problem("unknown mount option", option);
  const bool has_value = option.find('=') < option.size;
  const unsigned command = has_value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
  TRY(check(sys::fsconfig(fs, command, key.c_str(), has_value ? value.c_str() : nullptr), "fsconfig", option));
  return kDone;
}

Outcome<Fd> create_mount(int fs, uint32_t attributes, Text object) {
  TRY(check(sys::fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr), "fsconfig", object));
  return Fd(TRY(check(sys::fsmount(fs, attributes), "fsmount", object)));
}

Outcome<Fd> open_fs(Text type) { return Fd(TRY(check(sys::fsopen(type.c_str()), "fsopen", type))); }

/** The null device among the sources, and not what only has its name. */
Outcome<Fd> open_null(const Places &places) {
  constexpr Text kPath = "/dev/null";
  Fd null = TRY(open_below(places.source.get(), kPath, O_NOFOLLOW));
  struct statx info{};
  TRY(check(sys::statx(null.get(), "", AT_EMPTY_PATH, STATX_TYPE, &info), "statx", kPath));
  const bool is_null = (info.stx_mode & kFileType) == kCharacterDevice && info.stx_rdev_major == kNullMajor &&
                       info.stx_rdev_minor == kNullMinor;
  if (!is_null) return problem("not the null device", kPath);
  return null;
}

/** Hides a directory. One file system serves for all: only the first is made, the others are copies of its mount. */
Outcome<> hide_directory(Places &places, int target, Text path) {
  if (places.empty.is_open()) {
    const Fd copy = TRY(copy_mount(places.empty.get(), false, path));
    return attach(copy.get(), target, path);
  }
  const Fd fs = TRY(open_fs("tmpfs"));
  TRY(configure(fs.get(), "mode=0555"));
  places.empty = TRY(create_mount(
      fs.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, path));
  return attach(places.empty.get(), target, path);
}

bool is_absence(const Failure &failure) { return failure.error == ENOENT || failure.error == ENOTDIR; }

}  // namespace

Outcome<> make_mounts_private(int root) {
  mount_attr attributes{};
  attributes.propagation = kPrivate;
  TRY(check(sys::mount_setattr(root, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes), "mount_setattr", "/"));
  return kDone;
}

Outcome<> mount_pod_root(Places &places, Text directory, Text size) {
  const Fd target = TRY(open_below(places.source.get(), directory, O_DIRECTORY));
  const Fd fs = TRY(open_fs("tmpfs"));
  TRY(check(sys::fsconfig(fs.get(), FSCONFIG_SET_STRING, "size", size.c_str()), "fsconfig", size));
  TRY(configure(fs.get(), "mode=0755"));
  places.root = TRY(create_mount(fs.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, directory));
  return attach(places.root.get(), target.get(), directory);
}

Outcome<> share_app_root(Text directory) {
  mount_attr attributes{};
  attributes.propagation = kShared;
  const sys::Result shared = sys::mount_setattr(AT_FDCWD, directory.c_str(), AT_SYMLINK_NOFOLLOW, attributes);
  if (shared == -EINVAL) return kDone;  // no mount, only a directory: choose_root makes one in the app's own namespace
  TRY(check(shared, "mount_setattr", directory));
  return kDone;
}

Outcome<> choose_root(Places &places, Text directory) {
  places.root = TRY(open_below(places.source.get(), directory, O_DIRECTORY));
  struct statx info{};
  TRY(check(sys::statx(places.root.get(), "", AT_EMPTY_PATH, STATX_TYPE, &info), "statx", directory));
  if ((info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
    mount_attr attributes{};
    attributes.propagation = kSlave;  // before anything is mounted below it, which would show in the pod
    TRY(check(sys::mount_setattr(places.root.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, attributes), "mount_setattr", directory));
    return kDone;
  }
  Fd copy = TRY(copy_mount(places.root.get(), true, directory));
  TRY(attach(copy.get(), places.root.get(), directory));
  places.root = static_cast<Fd &&>(copy);
  return kDone;
}

Outcome<> mount_new(const Places &places, const Op &op) {
  const size_t flags = first_mount_flag(op);
  const Fd fs = TRY(open_fs(op[0]));
  for (size_t i = 2; i < op.count && op[i] != "-"; ++i) TRY(configure(fs.get(), op[i]));
  const Fd mount = TRY(create_mount(fs.get(), mount_flags(op, flags).attributes, op[1]));
  const Fd target = TRY(make_directory(places.root.get(), op[1], 0755, Links::refused));
  return attach(mount.get(), target.get(), op[1]);
}

Outcome<> bind_file(const Places &places, Text source, Text target) {
  const Fd file = TRY(open_below(places.source.get(), source, O_NOFOLLOW));
  const Fd copy = TRY(copy_mount(file.get(), false, source));
  const Fd place = TRY(make_file(places.root.get(), target, 0644));
  return attach(copy.get(), place.get(), target);
}

Outcome<> hide(Places &places, Text path) {
  const Outcome<Fd> target = open_below(places.root.get(), path);
  if (!target.ok() && is_absence(*target.failure)) return kDone;
  if (!target.ok()) return target.failure;
  const bool is_directory = (TRY(mode_of(target.value.get(), path)) & kFileType) == kDirectory;
  if (is_directory) return hide_directory(places, target.value.get(), path);
  const Fd null = TRY(open_null(places));
  const Fd copy = TRY(copy_mount(null.get(), false, path));
  return attach(copy.get(), target.value.get(), path);
}

Outcome<> make_read_only(const Places &places, Text path) {
  const Outcome<Fd> target = open_below(places.root.get(), path);
  if (!target.ok() && is_absence(*target.failure)) return kDone;
  if (!target.ok()) return target.failure;
  const Fd copy = TRY(copy_mount(target.value.get(), true, path));
  TRY(set_attributes(copy.get(), {.attributes = MOUNT_ATTR_RDONLY, .recursive = true}, path));
  return attach(copy.get(), target.value.get(), path);
}

Outcome<> make_root_read_only(const Places &places) {
  return set_attributes(places.root.get(), {.attributes = MOUNT_ATTR_RDONLY}, "the app's root");
}

Outcome<> pivot(const Places &places) {
  TRY(check(sys::fchdir(places.root.get()), "fchdir", "the new root"));
  // With both names the same, the old root lies on the new one, where the next line finds it (pivot_root(2)).
  TRY(check(sys::pivot_root(".", "."), "pivot_root", "the new root"));
  // Detaching a mount that a volume shares with the host (`rshared`) would detach what is mounted in it there, too.
  TRY(make_mounts_private(places.source.get()));
  TRY(check(sys::umount2(".", kMountDetach), "umount2", "the old root"));
  TRY(check(sys::chdir("/"), "chdir", "/"));
  return kDone;
}

}  // namespace podctl
