#include <linux/fcntl.h>
#include <linux/stat.h>

#include "files.h"
#include "plan.h"

namespace podctl {

Outcome<Text> read_plan(Arena &arena, const char *path) {
  const Fd file = TRY(open_at(AT_FDCWD, path, O_RDONLY));
  // stage0 asks for this unit before it has written the plan, and holds the lock until it has. If it dies, the plan is cut short
  // or empty, and refused.
  TRY(check(sys::flock(file.get(), LOCK_SH), "flock", path));
  struct statx info{};
  TRY(check(sys::statx(file.get(), "", AT_EMPTY_PATH, STATX_SIZE, &info), "statx", path));
  if (info.stx_size > kMaxPlanBytes) return plan_problem(0, "larger than 4194304 bytes", path);
  // One byte more than it has, to see a file that is being written.
  const size_t capacity = info.stx_size + 1;
  const Text text = TRY(read_text(file.get(), static_cast<char *>(arena.bytes(capacity)), capacity));
  if (text.size == capacity) return plan_problem(0, "the file grew while it was read", path);
  return text;
}

}  // namespace podctl
