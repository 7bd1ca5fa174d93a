#include "paths.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "files.h"
#include "kernel.h"

namespace podctl {
namespace {

constexpr size_t kPathMax = 4096;
constexpr uint64_t kConfined = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

sys::Result open_confined(int root, const char *path, uint64_t flags, uint32_t mode = 0, Links links = Links::inside) {
  const uint64_t resolve = kConfined | (links == Links::refused ? uint64_t{RESOLVE_NO_SYMLINKS} : 0);
  return sys::openat2(root, path, flags | O_CLOEXEC, mode, resolve);
}

/** The last component of `path`, and what precedes it. */
struct Parts {
  Text parent;
  Text name;
};

Parts parts_of(Text path) {
  while (path.size > 1 && path[path.size - 1] == '/') path = path.first(path.size - 1);
  size_t slash = path.size;
  while (slash > 0 && path[slash - 1] != '/') --slash;
  return {path.first(slash), path.from(slash)};
}

/** Makes and opens one missing directory. A dangling link in its place is an error: mkdirat does not follow it. */
Outcome<Fd> make_one(int parent, Text name, uint32_t mode, Text path) {
  Buffer<256> component;
  component << name;
  if (name == ".." || component.overflowed()) return problem("not a path that can be made", path);
  TRY(check(sys::mkdirat(parent, component.c_str(), mode), "mkdirat", path));
  return Fd(TRY(check(open_confined(parent, component.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW), "openat2", path)));
}

/** Walks from the root, since every prefix may be a link, and makes what is missing. */
Outcome<Fd> make_missing(int root, Text path, uint32_t mode, Links links = Links::inside) {
  Buffer<kPathMax> prefix;
  Fd at = TRY(open_below(root, "/", O_DIRECTORY));
  for (Text rest = path; !rest.empty();) {
    const Text name = split(rest, '/');
    if (name.empty()) continue;
    prefix << '/' << name;
    if (prefix.overflowed()) return problem("longer than a path can be", path);
    const sys::Result next = open_confined(root, prefix.c_str(), O_PATH | O_DIRECTORY, 0, links);
    const bool is_last = rest.empty();
    if (next == -ENOENT) {
      at = TRY(make_one(at.get(), name, is_last ? mode : 0755, path));
    } else {
      at = Fd(TRY(check(next, "openat2", path)));
    }
  }
  return at;
}

/** Makes the parent of `path` and creates the file in it, which is not there or a dangling link; the link goes. */
Outcome<Fd> create(int root, Text path, uint32_t mode, Links links = Links::inside) {
  const Parts parts = parts_of(path);
  const Fd parent = TRY(make_missing(root, parts.parent, 0755, links));
  constexpr uint64_t kCreate = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  sys::Result made = open_confined(parent.get(), parts.name.c_str(), kCreate, mode);
  if (made == -EEXIST) {
    TRY(check(sys::unlinkat(parent.get(), parts.name.c_str(), 0), "unlinkat", path));
    made = open_confined(parent.get(), parts.name.c_str(), kCreate, mode);
  }
  return Fd(TRY(check(made, "openat2", path)));
}

}  // namespace

Outcome<Fd> open_below(int root, Text path, uint64_t flags, Links links) {
  return Fd(TRY(check(open_confined(root, path.c_str(), O_PATH | flags, 0, links), "openat2", path)));
}

Outcome<uint32_t> mode_of(int fd, Text object) {
  struct statx info{};
  TRY(check(sys::statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MODE, &info), "statx", object));
  return uint32_t{info.stx_mode};
}

Outcome<Fd> make_directory(int root, Text path, uint32_t mode, Links links) {
  Outcome<Fd> there = open_below(root, path, O_DIRECTORY, links);
  if (there.ok() || there.failure->error != ENOENT) return there;
  return make_missing(root, path, mode, links);
}

Outcome<Fd> make_file(int root, Text path, uint32_t mode, Links links) {
  Outcome<Fd> there = open_below(root, path, 0, links);
  if (there.ok() || there.failure->error != ENOENT) return there;
  return create(root, path, mode, links);
}

Outcome<> clear_for(int root, Text path, bool directory) {
  // With both, a link that is the last component is opened itself; one before it is an error.
  const Outcome<Fd> there = open_below(root, path, O_NOFOLLOW, Links::refused);
  if (!there.ok() && there.failure->error == ENOENT) return kDone;
  if (!there.ok()) return there.failure;
  const uint32_t type = TRY(mode_of(there.value.get(), path)) & kFileType;
  if (type == kDirectory && !directory) return problem("a directory is in the place of a file", path);
  if (type != kSymbolicLink && (!directory || type == kDirectory)) return kDone;
  const Parts parts = parts_of(path);
  const Fd parent = TRY(make_missing(root, parts.parent, 0755, Links::refused));
  TRY(check(sys::unlinkat(parent.get(), parts.name.c_str(), 0), "unlinkat", path));
  return kDone;
}

Outcome<> write_file_below(int root, Text path, uint32_t mode, Text content) {
  // Opened without O_TRUNC and not for good before its type is known: an image may have a device or a FIFO there.
  const sys::Result there = open_confined(root, path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY);
  Fd file;
  if (there == -ENOENT) {
    file = TRY(create(root, path, mode));
  } else {
    file = Fd(TRY(check(there, "openat2", path)));
    if ((TRY(mode_of(file.get(), path)) & kFileType) != kRegularFile) return problem("not a regular file", path);
    TRY(check(sys::ftruncate(file.get(), 0), "ftruncate", path));
    TRY(check(sys::fchmod(file.get(), mode), "fchmod", path));
  }
  return write_whole(file, content, path);
}

Outcome<> make_symlink(int root, Text path, Text target) {
  const Parts parts = parts_of(path);
  const Fd parent = TRY(make_missing(root, parts.parent, 0755));
  const sys::Result made = sys::symlinkat(target.c_str(), parent.get(), parts.name.c_str());
  if (made != -EEXIST) TRY(check(made, "symlinkat", path));
  return kDone;
}

}  // namespace podctl
