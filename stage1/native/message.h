// sendmsg(2) and recvmsg(2) as the kernel takes them: one piece of data, and at most one descriptor beside it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel.h"

namespace podctl {

struct IoVector {
  const void *base;
  size_t size;
};

/** struct msghdr of a 64-bit kernel. */
struct Message {
  void *name = nullptr;
  uint32_t name_size = 0;
  IoVector *vectors = nullptr;
  size_t vector_count = 0;
  void *control = nullptr;
  size_t control_size = 0;
  uint32_t flags = 0;
};

/** struct ucred: SO_PEERCRED. */
struct Credentials {
  int pid = 0;
  uint32_t uid = ~0U;
  uint32_t gid = ~0U;
};

/** One SCM_RIGHTS message with one descriptor, padded as CMSG_SPACE pads it. */
struct Rights {
  size_t size = sizeof(size_t) + 2 * sizeof(int) + sizeof(int);
  int level = kSolSocket;
  int type = kScmRights;
  int fd = -1;
  int padding = 0;
};

/** The same for several: where those that come with a message are put. */
struct ManyRights {
  static constexpr size_t kMost = 8;

  size_t size = 0;
  int level = 0;
  int type = 0;
  int fds[kMost] = {};
};

}  // namespace podctl
