// The system calls of stage1, and the only place where they are made (sys.cc). No libc: podctl-stage1 is freestanding,
// and the addon for Node shares these. Every wrapper returns the kernel's result: a value, or -errno.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sys {

using Result = long;

inline bool failed(Result r) { return r < 0 && r >= -4095; }

Result openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
Result close(int fd);
Result read(int fd, void *buffer, size_t size);
Result write(int fd, const void *buffer, size_t size);

}  // namespace sys
