#include "credentials.h"

#include <linux/fcntl.h>

#include "files.h"
#include "notify.h"
#include "paths.h"

namespace podctl {
namespace {

/** systemd's own limit of one credential. */
constexpr size_t kMostBytes = 1024 * 1024;
constexpr size_t kPiece = 4096;

Outcome<> copy_content(const Fd &from, const Fd &to, Text name) {
  char piece[kPiece];
  for (size_t total = 0;;) {
    const long got = TRY(check(sys::read(from.get(), piece, sizeof piece), "read", name));
    if (got == 0) return kDone;
    total += static_cast<size_t>(got);
    if (total > kMostBytes) return problem("larger than 1 MiB", name);
    for (long done = 0; done < got;) {
      done += TRY(check(sys::write(to.get(), piece + done, static_cast<size_t>(got - done)), "write", name));
    }
  }
}

Outcome<> copy_one(const Fd &from_directory, const Fd &to_directory, Text name, uint32_t uid, uint32_t gid) {
  const Fd from = TRY(open_at(from_directory.get(), name, O_RDONLY | O_NOFOLLOW));
  constexpr uint64_t kNew = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Fd to(TRY(check(sys::openat2(to_directory.get(), name.c_str(), kNew, 0400, 0), "openat2", name)));
  TRY(copy_content(from, to, name));
  TRY(check(sys::fchown(to.get(), uid, gid), "fchown", name));
  return kDone;
}

Outcome<> copy_all(const Pod &pod, const Places &places, const Op &op) {
  const auto uid = static_cast<uint32_t>(op.number(1));
  const auto gid = static_cast<uint32_t>(op.number(2));
  const Fd target = TRY(open_below(places.root.get(), op[0], O_DIRECTORY, Links::refused));
  for (size_t i = 3; i < op.count; ++i) TRY(copy_one(pod.credentials, target, op[i], uid, gid));
  TRY(check(sys::fchownat(target.get(), "", uid, gid, AT_EMPTY_PATH), "fchownat", op[0]));
  return kDone;
}

}  // namespace

Outcome<> keep_credentials(Pod &pod, const char *const envp[]) {
  const Text path = variable_in(envp, "CREDENTIALS_DIRECTORY=");
  if (!path.empty()) pod.credentials = TRY(open_at(AT_FDCWD, path, kOpenDirectory));
  return kDone;
}

Outcome<> copy_credentials(Pod &pod, const Places &places, const Op &op) {
  if (!pod.credentials.is_open()) return problem("the unit has no credentials: $CREDENTIALS_DIRECTORY is not set");
  // Only root may read them, and give what is made to others.
  if (pod.users.are_own()) TRY(own_new_files(0));
  TRY(copy_all(pod, places, op));
  if (pod.users.are_own()) TRY(own_new_files(pod.users.first));
  return kDone;
}

}  // namespace podctl
