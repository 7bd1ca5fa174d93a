#include "files.h"

#include <linux/errno.h>
#include <linux/fcntl.h>

namespace podctl {
namespace {

constexpr uint32_t kRenameNoReplace = 1;
constexpr uint32_t kRenameExchange = 2;

}  // namespace

const uint64_t kOpenDirectory = O_PATH | O_DIRECTORY;

Outcome<Fd> open_at(int dir_fd, Text path, uint64_t flags) {
  return Fd(TRY(check(sys::openat2(dir_fd, path.c_str(), flags | O_CLOEXEC, 0, 0), "openat2", path)));
}

Outcome<Text> read_text(int fd, char *buffer, size_t capacity) {
  size_t size = 0;
  while (size < capacity) {
    const long got = TRY(check(sys::read(fd, buffer + size, capacity - size), "read"));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return Text(buffer, size);
}

Outcome<Text> read_file(int dir_fd, Text path, char *buffer, size_t capacity) {
  const Fd file = TRY(open_at(dir_fd, path, O_RDONLY));
  return read_text(file.get(), buffer, capacity);
}

Outcome<> make_pipe(Fd &reads, Fd &writes) {
  int ends[2];
  TRY(check(sys::pipe2(ends, O_CLOEXEC), "pipe2"));
  reads = Fd(ends[0]);
  writes = Fd(ends[1]);
  return kDone;
}

void write_all(int fd, Text text) {
  while (!text.empty()) {
    const sys::Result wrote = sys::write(fd, text.data, text.size);
    if (sys::failed(wrote)) return;
    text = text.from(static_cast<size_t>(wrote));
  }
}

Outcome<> write_whole(const Fd &file, Text content, Text object) {
  while (!content.empty()) {
    const long wrote = TRY(check(sys::write(file.get(), content.data, content.size), "write", object));
    content = content.from(static_cast<size_t>(wrote));
  }
  return kDone;
}

Outcome<> write_file(int dir_fd, Text path, Text value) {
  const Fd file = TRY(open_at(dir_fd, path, O_WRONLY));
  TRY(check(sys::write(file.get(), value.data, value.size), "write", path));
  return kDone;
}

Outcome<> replace_file(int dir_fd, Text name, Text content, uint32_t mode) {
  Buffer<257> temporary;  // NAME_MAX and the NUL; check.cc keeps names shorter than that
  temporary << '.' << name;
  constexpr uint64_t kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  const Fd file(TRY(check(sys::openat2(dir_fd, temporary.c_str(), kFlags, mode, 0), "openat2", name)));
  TRY(write_whole(file, content, name));
  const sys::Result renamed = sys::renameat2(dir_fd, temporary.c_str(), dir_fd, name.c_str(), kRenameNoReplace);
  if (renamed != -EEXIST) {
    TRY(check(renamed, "renameat2", name));
    return kDone;
  }
  // An exchange is as atomic as a replacement; ext4 answers the latter by writing to disk at once, which took 8 ms.
  TRY(check(sys::renameat2(dir_fd, temporary.c_str(), dir_fd, name.c_str(), kRenameExchange), "renameat2", name));
  TRY(check(sys::unlinkat(dir_fd, temporary.c_str(), 0), "unlinkat", name));
  return kDone;
}

Outcome<> ensure_directory(int dir_fd, Text name, uint32_t mode) {
  const sys::Result made = sys::mkdirat(dir_fd, name.c_str(), mode);
  if (made != -EEXIST) TRY(check(made, "mkdirat", name));
  return kDone;
}

}  // namespace podctl
