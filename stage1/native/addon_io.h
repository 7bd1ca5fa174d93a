// Helpers of the addon that know nothing of N-API: descriptors that close themselves, and calls made of several.
#pragma once

#include <string>
#include <vector>

#include "sys.h"

namespace addon {

class Descriptor {
 public:
  explicit Descriptor(sys::Result fd) : fd_(static_cast<int>(fd)) {}
  ~Descriptor() {
    if (fd_ >= 0) sys::close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// How a call made of several ended: the last result, and which system call gave it.
struct Outcome {
  sys::Result result;
  const char *syscall;
};

// Writes all of it, however often the kernel takes less. 0, or -errno.
sys::Result write_all(int fd, const void *data, size_t size);

// The content of one open file into another, new one: shared where the file system can (reflink), else copied.
Outcome copy_content(int from, int to);

// Has what is made in it lie apart (FS_TOPDIR_FL, "T" in chattr(1)). False where the file system knows no such thing.
bool spread_subdirectories(int directory);

// Has it stay open across an execve(2).
Outcome keep_open(int fd);

// execve(2) with the default effect of SIGPIPE, which Node ignores. Returns -errno, if at all.
sys::Result execute(const std::string &path, const std::vector<std::string> &argv, const std::vector<std::string> &env);

// One datagram to the socket at `path`; through a sealed memfd if it is too large for one. -EAGAIN if it would have to wait.
Outcome send_datagram(const std::string &path, const void *data, size_t size);

// A stream socket connected to `name`: a path, or an abstract name if it begins with a NUL byte.
// `patience`: milliseconds that a read(2) waits; 0: for ever.
Outcome connect_stream(const std::string &name, int64_t patience);

// What this thread makes from now on belongs to this user and group, and root's capabilities over files stay.
Outcome own_new_files(uint32_t id);

}  // namespace addon
