#include "remove.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "fd.h"
#include "text.h"

namespace podctl {
namespace {

// Each level holds a descriptor and a buffer.
constexpr int kMostLevels = 32;
constexpr size_t kEntries = 8192;

/** What getdents64(2) fills in. */
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
};

bool remove(int parent, const char *name, int level);

bool is_own_name(Text name) { return name == "." || name == ".."; }

bool empty(int directory, int level) {
  alignas(DirectoryEntry) char entries[kEntries];
  for (;;) {
    const sys::Result size = sys::getdents64(directory, entries, sizeof entries);
    if (size <= 0) return size == 0;
    for (sys::Result at = 0; at < size;) {
      const auto *const entry = reinterpret_cast<const DirectoryEntry *>(entries + at);
      at += entry->size;
      if (!is_own_name(entry->name) && !remove(directory, entry->name, level)) return false;
    }
  }
}

// What another process has removed meanwhile is removed.
bool is_gone(sys::Result result) { return result == 0 || result == -ENOENT; }

bool remove(int parent, const char *name, int level) {
  const sys::Result removed = sys::unlinkat(parent, name, 0);
  if (removed != -EISDIR) return is_gone(removed);
  if (level == kMostLevels) return false;
  constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const sys::Result opened = sys::openat2(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, kResolve);
  if (sys::failed(opened)) return opened == -ENOENT;
  const Fd directory(opened);
  return empty(directory.get(), level + 1) && is_gone(sys::unlinkat(parent, name, AT_REMOVEDIR));
}

}  // namespace

bool remove_shallow(int parent, const char *name) { return remove(parent, name, 0); }

}  // namespace podctl
